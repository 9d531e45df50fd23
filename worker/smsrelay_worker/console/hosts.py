"""KnownHosts: the names by which this console may be called. Pure.

A page of another site can make its own name resolve to 127.0.0.1 (DNS rebinding). The browser then takes our answers for those of
that site; but it sends that site's name in the header ``Host``, by which such a request is refused.
"""

from dataclasses import dataclass
from typing import Self

_LOCAL = ("localhost", "127.0.0.1", "::1")
_ANY = ("0.0.0.0", "::", "")  # noqa: S104  compared with, not bound


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """Names without ports, in small letters."""

    names: frozenset[str]

    @classmethod
    def of(cls, listens_on: str, more: str | None) -> Self:
        """``more``: further names, separated by commas."""
        bound = () if listens_on in _ANY else (listens_on,)
        named = (one.strip() for one in (more or "").split(",") if one.strip())
        return cls(frozenset(one.lower().rstrip(".") for one in (*_LOCAL, *bound, *named)))

    def knows(self, host: str) -> bool:
        """Whether a header ``Host`` names us."""
        return _name(host) in self.names


def _name(host: str) -> str:
    """The name of ``name:port``, or of ``[address]:port``."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")
