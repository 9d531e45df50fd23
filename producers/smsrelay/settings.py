"""Settings of everything that enqueues or receives: ``SMSRELAY_…`` from the environment, or from an ``.env`` file.

They are read once, into one frozen object. ``SettingsError`` names every wrong variable at once, and prints no value.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from smsrelay.contract.phone_number import e164
from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.redis_address import RedisAddress

PREFIX = "SMSRELAY_"
_ENV_FILE = ".env"
LOCAL_REDIS = "redis://127.0.0.1:6379/0"


class SettingsError(ValueError):
    """The settings are not valid. The text lists every variable with its reason, and no value."""


class BrokerSettings(BaseSettings):
    """Where tasks travel: all that is needed to look at the queues."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=_ENV_FILE,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    broker_url: str = Field(
        default=LOCAL_REDIS,
        repr=False,
        description="Where tasks travel: redis://, rediss:// or unix://, amqp:// or amqps:// (docs/operating.md).",
    )

    def __init__(self, **values: Any) -> None:
        env_file()
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = _lines(error)
        else:
            return
        raise SettingsError("\n".join(problems))  # outside the handler, or it would carry an exception that holds the values

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        broker_address(with_scheme(url, "redis://", "rediss://", "unix://", "redis+socket://", "amqp://", "amqps://"))
        return url


class StoreSettings(BrokerSettings):
    """Where tasks travel, and where records live."""

    store_url: str = Field(default=LOCAL_REDIS, repr=False, description="Where records live: redis://, rediss:// or unix://.")
    retention_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=72.0, description="Hours a final message is kept."
    )

    @field_validator("store_url")
    @classmethod
    def _known_store(cls, url: str) -> str:
        RedisAddress.of(with_scheme(url, "redis://", "rediss://", "unix://", "redis+socket://"))
        return url


class ProducerSettings(StoreSettings):
    """The settings of an app that enqueues, and of the receiver.

    ``ProducerSettings()`` reads the environment and the ``.env`` file of the working directory; an argument goes before both.
    Raises ``SettingsError``. An app needs three of them, as variables or as arguments:

    - ``SMSRELAY_BROKER_URL``, ``broker_url``: where tasks travel;
    - ``SMSRELAY_STORE_URL``, ``store_url``: where records live; both are ``redis://127.0.0.1:6379/0`` by default;
    - ``SMSRELAY_SECRET``, ``secret``: the key that the workers have too, at least 16 characters; required.

    ``documented()`` lists them all.
    """

    if TYPE_CHECKING:  # as type checkers see it, who otherwise take what the environment gives for missing arguments

        def __init__(
            self,
            *,
            broker_url: str = ...,
            store_url: str = ...,
            secret: str | SecretStr = ...,
            templates: str | Path | None = ...,
            enqueue_timeout: float = ...,
            retention_hours: float = ...,
            only_to: str | None = ...,
            **others: Any,
        ) -> None: ...

    secret: SecretStr = Field(description="Key of callback tokens and of the hashes that stand for numbers; 16+ characters.")
    templates: Path | None = Field(default=None, description="Template registry, a TOML file.")
    enqueue_timeout: Annotated[float, Field(ge=0.1, le=60)] = Field(
        default=5, description="Seconds that one enqueuing call waits, in all, for a store or broker that is silent."
    )
    only_to: str | None = Field(
        default=None,
        repr=False,
        description="Staging: the only numbers that are texted, separated by commas; all others are refused.",
    )
    data: Path = Field(default=Path(".smsrelay"), description="Folder of the embedded broker and of the spool.")
    spool: Path | None = Field(
        default=None,
        description="Folder, on a local disk, of the reports that the broker cannot take; by default spool/ under SMSRELAY_DATA.",
    )
    spool_max: Annotated[int, Field(ge=1)] = Field(
        default=100_000, description="Reports the spool holds; then callbacks are answered 503."
    )
    callback_max_bytes: Annotated[int, Field(ge=512)] = Field(
        default=65536, description="Longest callback body taken, compressed or not."
    )
    callback_keep_alive: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=75, description="Seconds the receiver leaves an idle connection open: longer than the proxy before it does."
    )
    callback_connections: Annotated[int, Field(ge=8, le=60_000)] = Field(
        default=512, description="Connections the receiver has open at once."
    )
    callback_connections_per_address: Annotated[int, Field(ge=1, le=60_000)] = Field(
        default=256, description="Of these, from one address (of IPv6: one /64); a proxy before the receiver is one address."
    )
    unsigned_rate: Annotated[int, Field(ge=1, le=100_000)] = Field(
        default=200, description="Callbacks without a token that are taken a second, by each receiver."
    )
    unsigned_callbacks: bool = Field(
        default=False, description="Also take callbacks without a token, matched by the vendor's external id alone."
    )

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 16:
            raise ValueError("must have at least 16 characters")
        return secret

    @field_validator("only_to")
    @classmethod
    def _numbers(cls, only_to: str | None) -> str | None:
        return None if only_to is None else ",".join(e164(number.strip()) for number in only_to.split(","))

    @property
    def only_to_numbers(self) -> frozenset[str] | None:
        """The only numbers that may be texted, in E.164; ``None``: any."""
        return None if self.only_to is None else frozenset(self.only_to.split(","))

    @property
    def secret_bytes(self) -> bytes:
        """The key itself."""
        return self.secret.get_secret_value().encode()

    @property
    def one_redis(self) -> bool:
        """Whether broker and store are the same Redis database. URLs that are spelled differently count as different."""
        return self.broker_url == self.store_url

    @property
    def spool_folder(self) -> Path:
        """Folder of the receiver's spool."""
        return self.spool or self.data / "spool"

    @classmethod
    def documented(cls) -> list[tuple[str, str]]:
        """Every variable with its meaning, for docs and the command line."""
        return [(PREFIX + name.upper(), field.description or "") for name, field in cls.model_fields.items()]

    def replaced(self, **values: Any) -> Self:
        """These settings with some values changed."""
        return self.model_copy(update=values)


def env_file() -> dict[str, str]:
    """Variables of the ``.env`` file in the working directory; raises ``SettingsError`` when it cannot be read."""
    try:
        values = dotenv_values(_ENV_FILE)
    except UnicodeDecodeError:
        problem = "is not UTF-8"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    else:
        return {name: value for name, value in values.items() if value is not None}
    raise SettingsError(f"{_ENV_FILE}: {problem}")


def with_scheme(url: str, *schemes: str) -> str:
    """The URL unchanged; raises ``ValueError``, which does not quote it, when it begins with none of ``schemes``."""
    if not url.startswith(schemes):
        raise ValueError(f"must begin with one of {' '.join(schemes)}")
    return url


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for found in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(found["loc"][0]).upper() if found["loc"] else "settings"
        lines.append(f"{name}: {found['msg'].removeprefix('Value error, ')}")
    return lines
