"""RabbitMQAddress: server, login and virtual host of a RabbitMQ, as kombu expects them.

Takes a URL, or several joined by ``;``, which kombu tries in turn. Raises ``ValueError``, which does not quote the URL.
"""

from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, unquote

from smsrelay.servers.tls import OPTIONS, Tls
from smsrelay.servers.url import NEXT_URL, ServerUrl

PLAIN, SECURE = "amqp", "amqps"
_PORTS = {PLAIN: 5672, SECURE: 5671}


@dataclass(frozen=True, slots=True)
class RabbitMQAddress:
    """The arguments for a kombu ``Connection``."""

    kombu_url: str = field(repr=False)
    kombu_tls: dict[str, Any] | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """Parse a URL; raises ``ValueError``."""
        all_parts = [ServerUrl.of(one) for one in NEXT_URL.split(url)]
        if len(all_parts) > 1 and any(parts.scheme == SECURE for parts in all_parts):
            raise ValueError("names several servers; amqps:// takes one, because the certificate must match its name")
        return cls(";".join(_kombu_url(parts) for parts in all_parts), _tls(all_parts[0]))


def _kombu_url(parts: ServerUrl) -> str:
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with one of amqp:// amqps://")
    parts.refuse_options(OPTIONS if parts.scheme == SECURE else ())
    virtual_host = quote(unquote(parts.path[1:]) or "/", safe="")
    return f"{parts.scheme}://{parts.login}{parts.host_in_url}:{parts.port or _PORTS[parts.scheme]}/{virtual_host}"


def _tls(parts: ServerUrl) -> dict[str, Any] | None:
    return Tls.of(parts.options).for_amqp(parts.host or "") if parts.scheme == SECURE else None
