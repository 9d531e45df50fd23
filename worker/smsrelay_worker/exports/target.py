"""Target: where an export writes, and how it fails."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from smsrelay_worker.exports.row import Row
from smsrelay_worker.exports.version import Key, Known


class TargetUnavailable(Exception):
    """The target does not answer, or refuses for now. What was written before stays; the next export goes on."""


class WrongTarget(ValueError):
    """The target is none that can be written, however often it is tried. Quotes no secret."""


class Target(Protocol):
    """Keeps rows. What ``write`` has returned from survives a kill, and ``known`` tells of it from then on."""

    def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        """What it has of these messages."""
        ...

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, all or none; each only if it is new."""
        ...

    def last_complete(self) -> int | None:
        """When the last complete export began (ms, on the store's clock); None without one."""
        ...

    def complete(self, began_at: int) -> None:
        """Note that an export which began then has seen everything. ``began_at`` in ms."""
        ...

    def close(self) -> None:
        """Let others write there."""
        ...
