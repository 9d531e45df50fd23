"""Settings of workers, API and operators. A wrong setting is reported with all others at once, without its value."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from smsrelay.contract.callback_url import checked_callback_url
from smsrelay.contract.lanes import Lane
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import BrokerSettings, PayloadKeySettings, ProducerSettings, StoreSettings, with_scheme

_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_SerialiserName = Literal["plain", "quoted"]


class OperatorSettings(StoreSettings):
    """What a person's commands read: nothing that is secret beside the URLs."""

    rate: Annotated[float, Field(gt=0, le=100_000)] = Field(default=100.0, description="Submits a second, all workers together.")
    halt_probe: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=300.0, description="Seconds between submits that test whether a halted vendor is back; 0 never tests."
    )
    wait_bound_otp: _Seconds = Field(
        default=60.0, description="Seconds a code may wait before status, doctor, the console and the alerts say so."
    )
    wait_bound_notice: _Seconds = Field(default=600.0, description="The same for a notice.")
    wait_bound_marketing: _Seconds = Field(
        default=14_400.0, description="The same for a marketing message, while its send window is open."
    )
    policy: Path | None = Field(default=None, description="Policy file in place of the packaged one.")
    limits: Path | None = Field(
        default=None, description="Limits file in place of the packaged one: caps, send windows, countries (docs/limits.md)."
    )
    apps: Path | None = Field(
        default=None,
        description="Apps file: for each app its webhook or Celery task for outcomes, and the quota of its API keys.",
    )

    @property
    def wait_bounds(self) -> Mapping[Lane, float]:
        """Seconds that the oldest message of each lane may wait."""
        return {
            Lane.OTP: self.wait_bound_otp,
            Lane.NOTICE: self.wait_bound_notice,
            Lane.MARKETING: self.wait_bound_marketing,
        }


class ConsoleAccess(OperatorSettings):
    """Who gets into the console, and under which names it is reached."""

    console_auth: SecretStr | None = Field(
        default=None, description="user:password of the console; in its place SMSRELAY_CONSOLE_USER_HEADER."
    )
    console_user_header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] | None = Field(
        default=None,
        description="Header in which a proxy before the console names who has signed in, such as X-Forwarded-User.",
    )
    console_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses or networks of that proxy, separated by commas; from others the header is not taken.",
    )
    console_hosts: str | None = Field(
        default=None,
        description="Names by which browsers reach the console, separated by commas; as localhost it always answers.",
    )

    @field_validator("console_auth")
    @classmethod
    def _user_and_password_of_console(cls, auth: SecretStr | None) -> SecretStr | None:
        if auth is not None:
            user, _, password = auth.get_secret_value().partition(":")
            if not (user and password):
                raise ValueError("must be user:password")
        return auth

    @field_validator("console_proxies")
    @classmethod
    def _networks(cls, proxies: str) -> str:
        try:
            return ",".join(str(ip_network(one.strip(), strict=False)) for one in proxies.split(","))
        except ValueError:
            problem = "must be IP addresses or networks, separated by commas"
        raise ValueError(problem)


class ExportSettings(OperatorSettings):
    """What an export reads: where it writes."""

    export_to: SecretStr | None = Field(
        default=None,
        description="Where smsrelay export writes: ndjson:PATH, sqlite:PATH or postgresql://… (docs/export.md).",
    )
    export_password: SecretStr | None = Field(
        default=None, description="Password of that PostgreSQL, in place of one in the address."
    )


class NumberExportSettings(ExportSettings, PayloadKeySettings):
    """What it takes to export numbers that were encrypted."""


class BodySettings(OperatorSettings, PayloadKeySettings):
    """What it takes to show what was encrypted: an operator's settings, and the keys."""


class ReplaySettings(OperatorSettings, ProducerSettings):
    """What it takes to read kept jobs again, which are enqueued as an app would, and to forget a recipient."""


class ApiSettings(ReplaySettings):
    """What the HTTP API reads: it enqueues as an app would, and answers what operators' commands do."""

    api_keep_alive: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=75, description="Seconds the HTTP API leaves an idle connection open: longer than the proxy before it does."
    )
    api_connections: Annotated[int, Field(ge=8, le=60_000)] = Field(
        default=1024, description="Connections the HTTP API has open at once."
    )
    api_connections_per_address: Annotated[int, Field(ge=1, le=60_000)] = Field(
        default=1024, description="Of these, from one address (of IPv6: one /64); a proxy before the API is one address."
    )


class ConsoleSettings(ReplaySettings, ConsoleAccess):
    """What the console reads: what operators' commands do. It does not start open to everybody."""

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.console_auth is None) == (self.console_user_header is None):
            raise ValueError(
                "set SMSRELAY_CONSOLE_AUTH, or SMSRELAY_CONSOLE_USER_HEADER for a proxy that signs people in, not both"
            )
        return self


class WorkerSettings(ReceiverSettings, ApiSettings, ExportSettings, ConsoleAccess):
    """What workers and the local stack need to know."""

    vendor_url: str = Field(
        default="https://edisim.market.alicloudapi.com", description="Vendor's base URL for mainland numbers."
    )
    vendor_intl_url: str = Field(
        default="https://intlsms.market.alicloudapi.com", description="Vendor's base URL for all other numbers."
    )
    vendor_proxy: SecretStr | None = Field(
        default=None, description="Forward proxy to the vendor: http(s)://user:password@host:port. The environment's is not used."
    )
    appcode: SecretStr | None = Field(default=None, description="AppCode of the vendor account.")
    app_key: str | None = Field(default=None, repr=False, description="AppKey, with SMSRELAY_APP_SECRET in place of the AppCode.")
    app_secret: SecretStr | None = Field(default=None, validate_default=True, description="AppSecret, which signs every submit.")
    serialiser: _SerialiserName = Field(
        default="plain", description="Spelling of templateParamSet: plain (a, b) or quoted (['a','b'])."
    )
    channel: Literal["0", "1"] | None = Field(default=None, description="The vendor's channel: 0 default, 1 high quality.")
    connect_timeout: _Seconds = Field(default=10.0, description="Seconds to wait for the vendor's connection.")
    read_timeout: _Seconds = Field(default=20.0, description="Seconds to wait for the vendor's answer.")
    callback_url: str | None = Field(
        default=None, description="Public base URL of the receiver, with a path if need be; without it no report ever comes."
    )
    rate_unit: Literal["submits", "segments"] = Field(
        default="submits", description="What SMSRELAY_RATE counts: submits, or SMS segments (of registered templates)."
    )
    pull_rate: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=1.0, description="Questions a second about silent submits, when the policy asks at all (pull_after_s)."
    )
    concurrency: Annotated[int, Field(ge=1, le=500)] = Field(
        default=64, description="Tasks, and submits, that one worker process has under way at once."
    )
    stop_timeout: _Seconds | None = Field(
        default=None,
        description="Seconds a worker process that stops may take, before its parent kills it; without: both time-outs and 78.",
    )
    flower_auth: SecretStr | None = Field(default=None, description="user:password of Flower; without it Flower does not start.")

    @field_validator("app_secret")
    @classmethod
    def _one_kind_of_credentials(cls, app_secret: SecretStr | None, earlier: ValidationInfo) -> SecretStr | None:
        """A validator of the last of the three fields, not of the whole, which would be silent while another field is wrong."""
        if (earlier.data.get("app_key") is None) != (app_secret is None):
            raise ValueError("SMSRELAY_APP_KEY and SMSRELAY_APP_SECRET come together")
        if earlier.data.get("appcode") is None and app_secret is None:
            raise ValueError("no credentials: set SMSRELAY_APPCODE, or SMSRELAY_APP_KEY and SMSRELAY_APP_SECRET")
        return app_secret

    @field_validator("vendor_url", "vendor_intl_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        return with_scheme(url, "http://", "https://")

    @field_validator("callback_url")
    @classmethod
    def _callback_address(cls, url: str | None) -> str | None:
        return None if url is None else checked_callback_url(url)

    @field_validator("vendor_proxy")
    @classmethod
    def _proxy_address(cls, proxy: SecretStr | None) -> SecretStr | None:
        if proxy is not None:
            _check_proxy(proxy.get_secret_value())
        return proxy

    @property
    def lease(self) -> float:
        """Seconds an attempt may take before it counts as abandoned: both time-outs, and time to write the answer down."""
        return self.connect_timeout + self.read_timeout + 30

    @property
    def stop_within(self) -> float:
        """Seconds a worker process that stops may take: it asks a store that is away for what is left of a lease to record the
        vendor's answers, the last time for up to 45 s, when the store is silent."""
        return self.stop_timeout or self.lease + 48


def _check_proxy(url: str) -> None:
    """Raises ``ValueError``, which quotes nothing of it, for an address that no proxy can have."""
    with_scheme(url, "http://", "https://")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    user, at, _ = (parts.netloc if host else "").rpartition("@")
    plain = url.isascii() and url.isprintable() and " " not in url and "@" not in user
    if not host or port == 0 or not plain or (at and not user) or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be http(s)://host:port, or with user:password@ in front of the host, both percent-encoded")


class FlowerSettings(BrokerSettings):
    """What Flower needs to know. It does not start without a password: open, it would show everybody every task."""

    flower_auth: SecretStr = Field(description="user:password of Flower's pages.")

    @field_validator("flower_auth")
    @classmethod
    def _user_and_password(cls, auth: SecretStr) -> SecretStr:
        flower_login(auth.get_secret_value())
        return auth


def flower_login(auth: str) -> tuple[str, str]:
    """User and password; raises ``ValueError``, which quotes nothing, for what Flower reads in another way, or not at all."""
    user, _, password = auth.partition(":")
    if not (user and password):
        raise ValueError("must be user:password")
    if "," in auth:
        raise ValueError("must hold no comma: Flower takes what stands around it for several logins, each of which opens")
    if not all(" " <= character <= "~" for character in auth):
        raise ValueError("must be ASCII without control characters: Flower answers every login with an error")
    return user, password
