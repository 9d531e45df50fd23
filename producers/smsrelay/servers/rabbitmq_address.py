"""RabbitMQAddress: where a RabbitMQ is, how to log in and to which virtual host, in the words of kombu.

Enters: a URL, or several with ``;`` between them, of which kombu tries one after the other. Leaves: the same for kombu. Raises
``ValueError``, which quotes nothing of the URL.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote, unquote

from smsrelay.servers.tls import OPTIONS, Tls
from smsrelay.servers.url import ServerUrl

PLAIN, SECURE = "amqp", "amqps"
_PORTS = {PLAIN: 5672, SECURE: 5671}
_NEXT = re.compile(r";(?=amqps?://)")


@dataclass(frozen=True, slots=True)
class RabbitMQAddress:
    """What kombu is told."""

    kombu_url: str = field(repr=False)
    kombu_tls: dict[str, Any] | None = None

    @classmethod
    def of(cls, url: str) -> Self:
        """Understand a URL; raises ``ValueError``."""
        all_parts = [ServerUrl.of(one) for one in _NEXT.split(url)]
        if len(all_parts) > 1 and any(parts.scheme == SECURE for parts in all_parts):
            raise ValueError("names several servers; with amqps:// it takes one, whose name its certificate must have")
        return cls(";".join(_told(parts) for parts in all_parts), _tls(all_parts[0]))


def _told(parts: ServerUrl) -> str:
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with one of amqp:// amqps://")
    parts.refuse_options(OPTIONS if parts.scheme == SECURE else ())
    virtual_host = quote(unquote(parts.path[1:]) or "/", safe="")
    return f"{parts.scheme}://{parts.login}{parts.located_host}:{parts.port or _PORTS[parts.scheme]}/{virtual_host}"


def _tls(parts: ServerUrl) -> dict[str, Any] | None:
    return Tls.of(parts.options).for_amqp(parts.host or "") if parts.scheme == SECURE else None
