"""Settings of everything that enqueues or receives, read once from the environment and an ``.env`` file.

Enters: variables ``SMSRELAY_…``. Leaves: one frozen object. Every problem is reported at once, by variable; no value is printed.
"""

from pathlib import Path
from typing import Annotated, Any, Self

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.redis_address import RedisAddress

PREFIX = "SMSRELAY_"
_ENV_FILE = ".env"
LOCAL_REDIS = "redis://127.0.0.1:6379/0"


class SettingsError(ValueError):
    """The environment does not make valid settings; the text lists every variable and reason, and no value."""


class BrokerSettings(BaseSettings):
    """Where tasks travel: all that a mere onlooker needs to know."""

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
        raise SettingsError("\n".join(problems))  # out here, so that no exception that holds the values hangs on it

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        broker_address(with_scheme(url, "redis://", "rediss://", "unix://", "redis+socket://", "amqp://", "amqps://"))
        return url


class StoreSettings(BrokerSettings):
    """Where records live as well."""

    store_url: str = Field(default=LOCAL_REDIS, repr=False, description="Where records live: redis://, rediss:// or unix://.")

    @field_validator("store_url")
    @classmethod
    def _known_store(cls, url: str) -> str:
        RedisAddress.of(with_scheme(url, "redis://", "rediss://", "unix://", "redis+socket://"))
        return url


class ProducerSettings(StoreSettings):
    """What apps and the receiver need to know."""

    secret: SecretStr = Field(description="Key of callback tokens and of the hashes that stand for numbers; 16+ characters.")
    templates: Path | None = Field(default=None, description="Template registry, a TOML file.")
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

    @property
    def secret_bytes(self) -> bytes:
        """The key itself."""
        return self.secret.get_secret_value().encode()

    @property
    def one_redis(self) -> bool:
        """Whether the broker is a Redis and the very database of the store; what is spelled otherwise counts as another."""
        return self.broker_url == self.store_url

    @property
    def spool_folder(self) -> Path:
        """Where the receiver spools."""
        return self.spool or self.data / "spool"

    @classmethod
    def documented(cls) -> list[tuple[str, str]]:
        """Every variable with its meaning, for docs and the command line."""
        return [(PREFIX + name.upper(), field.description or "") for name, field in cls.model_fields.items()]

    def replaced(self, **values: Any) -> Self:
        """These settings with some values changed."""
        return self.model_copy(update=values)


def env_file() -> dict[str, str]:
    """What the ``.env`` file of the working folder says; raises ``SettingsError`` for one that cannot be read."""
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
    """The URL as it came; raises ``ValueError``, which does not quote it, when it begins with none of ``schemes``."""
    if not url.startswith(schemes):
        raise ValueError(f"must begin with one of {' '.join(schemes)}")
    return url


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for found in error.errors(include_input=False, include_url=False):
        name = PREFIX + str(found["loc"][0]).upper() if found["loc"] else "settings"
        lines.append(f"{name}: {found['msg'].removeprefix('Value error, ')}")
    return lines
