"""ReceiverRegistry: the receivers, each with what it has spooled and how far its clock is from the store's.

A receiver that stopped in order is gone at once. One that fell silent stays listed for a day, with what it last said, so that
somebody can be told of it. Raises ``StoreUnavailable``.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Self

from smsrelay.store.connection import StoreRedis
from smsrelay.store.process_registry import BEAT, ProcessRegistry

SILENT = 4 * BEAT  # seconds without a heartbeat after which a receiver is taken for dead
LISTED_FOR = 24 * 3600.0  # seconds after its last heartbeat


@dataclass(frozen=True, slots=True)
class ReceiverProcess:
    """A receiver, as it describes itself.

    ``since``: when it started, ms on its host's clock. ``spooled``: events in its spool; None if the spool cannot be read.
    ``oldest_spooled``: when the oldest of them was received, ms on its host's clock. ``spool`` tells its spool from others on
    the same host. ``clock``: ms by which its host is ahead of the store; None: not measured yet. ``last_seen``: its last
    heartbeat, ms on the store's clock.
    """

    name: str
    host: str
    pid: int
    since: int
    spool: str
    spooled: int | None = 0
    oldest_spooled: int | None = None
    clock: int | None = None
    last_seen: int = field(default=0, compare=False)

    def encode(self) -> str:
        """As the store keeps it; always the same string for the same value."""
        fields = asdict(self)
        del fields["last_seen"]
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def decode(cls, entry: str, last_seen: int) -> Self:
        """Read what ``encode`` wrote."""
        fields = json.loads(entry)
        known = {name: fields.get(name) for name in ("spooled", "oldest_spooled", "clock")}
        return cls(fields["name"], fields["host"], fields["pid"], fields["since"], fields["spool"], **known, last_seen=last_seen)


class ReceiverRegistry:
    """All receivers; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._registry = ProcessRegistry(redis, redis.store_keys.receivers, LISTED_FOR)

    def alive(self, receiver: ReceiverProcess, before: ReceiverProcess | None = None) -> int | None:
        """Record a heartbeat; ``before``: what the receiver last said.

        Returns by how many ms this host's clock is ahead of the store's; None if the store answered too late to tell.
        """
        return self._registry.beat(receiver.encode(), before.encode() if before else "")

    def leaves(self, receiver: ReceiverProcess) -> None:
        """Remove a receiver that stops in order."""
        self._registry.leave(receiver.encode())

    def receivers(self) -> tuple[ReceiverProcess, ...]:
        """Every receiver that was seen within ``LISTED_FOR``, by host and process id. Writes nothing."""
        found = [ReceiverProcess.decode(one.entry, one.seen_at) for one in self._registry.listed()]
        return tuple(sorted(found, key=lambda one: (one.host, one.pid)))
