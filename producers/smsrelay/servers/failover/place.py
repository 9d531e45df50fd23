"""Place: host and port of one server, as it is connected to."""

from typing import NamedTuple, Self

from smsrelay.servers.url import ServerUrl


class Place(NamedTuple):
    """An IPv6 host is without brackets."""

    host: str
    port: int

    @classmethod
    def of(cls, parts: ServerUrl, default_port: int) -> Self:
        """The place that a URL names; raises ``ValueError`` when it names no host."""
        return cls(parts.host_in_url.strip("[]"), parts.port or default_port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
