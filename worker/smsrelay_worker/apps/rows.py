"""The tables of the apps file as they are written, checked strictly; no error quotes a value."""

import base64
import binascii
import ipaddress
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from smsrelay.contract.state import State
from smsrelay.servers.broker_address import broker_address
from smsrelay.settings import with_scheme
from smsrelay_worker.apps.model import DEFAULT_EVENTS, App, CelerySink, Quota, WebhookSink
from smsrelay_worker.apps.public_address import is_public

_PREFIX = "whsec_"  # of a signing key, as Standard Webhooks writes it
_SECRET_BYTES = range(24, 65)
_BROKERS = ("redis://", "rediss://", "unix://", "redis+socket://", "amqp://", "amqps://")


def _key(secret: str) -> str:
    wire = secret.removeprefix(_PREFIX)
    try:
        length = len(base64.b64decode(wire, validate=True)) if wire != secret else 0
    except (binascii.Error, ValueError):
        length = 0
    if length not in _SECRET_BYTES:
        raise ValueError("must be whsec_ followed by 24 to 64 random bytes in base64")
    return secret


def _broker(url: str) -> str:
    broker_address(with_scheme(url, *_BROKERS))
    return url


def _queue(name: str) -> str:
    if name.startswith(("sms.", "unacked", "celeryev", "_kombu", "amq.")):
        raise ValueError("is reserved: must not begin with sms. unacked celeryev _kombu or amq.")
    return name


_Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
_Event = Literal["delivered", "failed", "expired", "unknown", "cancelled", "submitted", "retrying"]
_Events = Annotated[list[_Event], Field(min_length=1)]
_Retries = Annotated[list[Annotated[float, Field(ge=0.1, le=86_400)]], Field(min_length=1, max_length=20)]
_DEFAULT: Any = sorted(DEFAULT_EVENTS)


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


class QuotaRow(_Table):
    """``quota = { minute = …, day = … }``."""

    minute: _Count | None = None
    day: _Count | None = None


class WebhookRow(_Table):
    """``[APP.webhook]``; ``private`` stands first, because the URL is checked by it."""

    private: bool = False
    url: Annotated[str, Field(max_length=2000)]
    secrets: Annotated[list[Annotated[str, AfterValidator(_key)]], Field(min_length=1, max_length=5)]
    events: _Events = _DEFAULT
    retries_s: _Retries | None = None

    @field_validator("url")
    @classmethod
    def _deliverable(cls, url: str, earlier: ValidationInfo) -> str:
        private = earlier.data.get("private", True)  # if it is wrong, that is one problem and not two
        schemes = ("https://", "http://") if private else ("https://",)
        allowed = "https://" if not private else "https:// or http://"
        if not url.startswith(schemes):
            raise ValueError(f"must begin with {allowed}{'' if private else '; http:// needs private = true'}")
        host = _host(url)
        address = _is_address(host)
        local = address and not is_public(host)
        if not private and (local or host == "localhost" or host.endswith(".localhost")):
            raise ValueError("leads to a private or loopback address, which needs private = true")
        if url.startswith("http://") and address and not local:
            raise ValueError("must begin with https://: the address is a public one")
        return url

    def sink(self) -> WebhookSink:
        """The sink that the table describes."""
        secrets = tuple(map(_decoded, self.secrets))
        return WebhookSink(self.url, secrets, _states(self.events), self.private, _delays(self.retries_s))


class CeleryRow(_Table):
    """``[APP.celery]``."""

    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,100}$"), AfterValidator(_queue)]
    task: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,200}$")]
    broker: Annotated[str, AfterValidator(_broker)] | None = None
    events: _Events = _DEFAULT
    retries_s: _Retries | None = None

    def sink(self) -> CelerySink:
        """The sink that the table describes."""
        return CelerySink(self.queue, self.task, self.broker, _states(self.events), _delays(self.retries_s))


class AppRow(_Table):
    """``[APP]``."""

    quota: QuotaRow = QuotaRow()
    webhook: WebhookRow | None = None
    celery: CeleryRow | None = None

    def app(self, name: str) -> App:
        """The app that the table describes."""
        webhook, celery = self.webhook, self.celery
        return App(
            name,
            Quota(self.quota.minute, self.quota.day),
            webhook.sink() if webhook else None,
            celery.sink() if celery else None,
        )


def _host(url: str) -> str:
    """The host of a URL; raises ``ValueError``, which quotes nothing, for a URL that no request could be sent to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")  # a look-up does the same, which raises for a label that is empty or too long
    except ValueError:
        host = port = None
    if not host or port == 0 or "@" in parts.netloc or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("must be a URL of a host, in ASCII, without user, password or fragment")
    return host


def _is_address(host: str) -> bool:
    """Whether the host is an address, and not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _decoded(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX))


def _delays(seconds: list[float] | None) -> tuple[float, ...] | None:
    return None if seconds is None else tuple(seconds)


def _states(events: list[_Event]) -> frozenset[State]:
    return frozenset(map(State, events))
