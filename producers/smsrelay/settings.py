"""Settings of everything that enqueues: ``SMSRELAY_…`` from the environment, or from an ``.env`` file.

A secret may stand in a file that ``SMSRELAY_…_FILE`` names. ``SettingsError`` names every wrong variable, and prints no value.
"""

import logging
import os
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, get_args

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, PlainValidator, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from smsrelay.contract.key_ring import SHORTEST, KeyRing
from smsrelay.contract.payload_cipher import PayloadCipher
from smsrelay.contract.phone_number import e164
from smsrelay.secret_files import given, read_files
from smsrelay.servers.broker_address import broker_address
from smsrelay.servers.otlp_endpoint import otlp_endpoint
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.store_address import DEFAULT_PREFIX, StoreAddress, store_prefix

PREFIX = "SMSRELAY_"
_ENV_FILE = ".env"
LOCAL_REDIS = "redis://127.0.0.1:6379/0"
_REDIS = ("redis://", "rediss://", "sentinel://", "unix://", "redis+socket://")
_RINGS = ("number_keys", "callback_keys")

log = logging.getLogger(__name__)  # not structlog: an app decides where its logs go
_told: set[str] = set()  # the old setting, once this process has warned of it


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
        description="Where tasks travel: redis://, rediss://, sentinel:// or unix://, amqp:// or amqps:// (docs/operating.md).",
    )
    prefix: Annotated[str, AfterValidator(store_prefix)] = Field(
        default=DEFAULT_PREFIX,
        description="What every key in Redis begins with, a part in braces: another one for each relay that shares a database.",
    )

    def __init__(self, **values: Any) -> None:
        names = {variable: variable.removeprefix(PREFIX).lower() for variable in self.secrets()}
        files = read_files([variable for variable, name in names.items() if name not in values], given(os.environ, env_file()))
        problems = list(files.problems.values())
        try:
            super().__init__(**{names[variable]: value for variable, value in files.values.items()} | values)
        except ValidationError as error:
            problems += [line for variable, line in _lines(error) if variable not in files.problems]
        if problems:  # outside the handler, or it would carry an exception that holds the values
            raise SettingsError("\n".join(problems))

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str) -> str:
        if url.startswith("cluster://"):
            broker_address(url)  # says why not
        broker_address(with_scheme(url, *_REDIS, "amqp://", "amqps://"))
        return url

    @classmethod
    def documented(cls) -> list[tuple[str, str]]:
        """Every variable with its meaning, for docs and the command line."""
        return [(PREFIX + name.upper(), field.description or "") for name, field in cls.model_fields.items()]

    @classmethod
    def secrets(cls) -> list[str]:
        """The variables that hold a secret, or may; each can name a file instead, with ``_FILE`` at its end."""
        return [PREFIX + name.upper() for name, field in cls.model_fields.items() if not field.repr or _secret(field.annotation)]

    def replaced(self, **values: Any) -> Self:
        """These settings with some values changed."""
        return self.model_copy(update=values)


class StoreSettings(BrokerSettings):
    """Where tasks travel, and where records live."""

    store_url: str = Field(
        default=LOCAL_REDIS,
        repr=False,
        description="Where records live: redis://, rediss://, sentinel://, cluster:// or unix:// (docs/operating.md).",
    )
    store_replicas: Annotated[int, Field(ge=0, le=5)] = Field(
        default=0, description="Replicas that must have a write before it counts; 0: the store alone (docs/guarantees.md)."
    )
    # Longer would add to the 45 s that a worker may wait for a silent store, and a begin is of no use after five.
    store_wait: Annotated[float, Field(ge=0.05, le=3)] = Field(
        default=1.0, description="Seconds to wait for these replicas; then the write does not count."
    )
    retention_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=72.0, description="Hours a final message is kept."
    )

    @field_validator("store_url")
    @classmethod
    def _known_store(cls, url: str) -> str:
        RedisAddress.of(with_scheme(url, *_REDIS, "cluster://"))
        return url

    @property
    def store(self) -> StoreAddress:
        """Where the store is, and when a write counts."""
        return StoreAddress(self.store_url, self.prefix, self.store_replicas, self.store_wait)

    @property
    def one_redis(self) -> bool:
        """Whether broker and store are the same Redis database. URLs that are spelled differently count as different."""
        return self.broker_url == self.store_url


def _ring(given: object) -> KeyRing:
    return KeyRing.of(given.get_secret_value() if isinstance(given, SecretStr) else given)


Keys = Annotated[KeyRing, PlainValidator(_ring)]
"""A field that reads ``new`` or ``new,old``."""


def _payload_ring(given: object) -> KeyRing:
    if find_spec("cryptography") is None:
        raise ValueError("needs the package cryptography: pip install 'smsrelay[encryption]'")
    return _ring(given)


class PayloadKeySettings(StoreSettings):
    """The keys of whoever writes numbers and parameters into the store, or reads them there."""

    payload_keys: Annotated[KeyRing, PlainValidator(_payload_ring)] | None = Field(
        default=None,
        description="Keys that encrypt numbers and parameters in the store, new or new,old; each 16+ characters. Without: plain.",
    )

    @property
    def payload_cipher(self) -> PayloadCipher:
        """What seals and opens with these keys."""
        return PayloadCipher(self.payload_keys)


class KeySettings(StoreSettings):
    """Keys that the processes of an installation share. A class below names those that its process may hold."""

    secret: SecretStr | None = Field(
        default=None,
        description="The single key of earlier versions: the value of both lists of keys where they are not set, with a warning.",
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.secret is not None:
            _warn_of_secret([name for name in _RINGS if getattr(self, name, None) == _single(self.secret)])

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < SHORTEST:
            raise ValueError(f"must have at least {SHORTEST} characters")
        return secret

    @model_validator(mode="before")
    @classmethod
    def _secret_for_both(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Each list of keys that is not given is the old setting, whose own validator refuses a short one."""
        secret = values.get("secret")
        if not isinstance(secret, str | SecretStr):
            return values
        return {name: _single(secret) for name in _RINGS if name in cls.model_fields} | values


def _single(secret: str | SecretStr) -> KeyRing:
    return KeyRing((secret.get_secret_value() if isinstance(secret, SecretStr) else secret).encode())


def _warn_of_secret(used: Collection[str]) -> None:
    """Warn of the old setting, once a process; ``used``: the fields that it stands in for."""
    if _told:
        return
    _told.add("secret")
    instead = " and ".join(PREFIX + name.upper() for name in used)
    what = f"it is used as {instead}; set these instead" if used else "it is ignored, because the new keys are set; remove it"
    log.warning("old setting SMSRELAY_SECRET: %s (docs/operating.md, Changing keys)", what)


class ProducerSettings(PayloadKeySettings, KeySettings):
    """The settings of an app that enqueues. It holds nothing with which callbacks can be signed.

    ``ProducerSettings()`` reads the environment and the ``.env`` file of the working directory; an argument goes before both.
    Raises ``SettingsError``. An app needs three of them, as variables or as arguments:

    - ``SMSRELAY_BROKER_URL``, ``broker_url``: where tasks travel;
    - ``SMSRELAY_STORE_URL``, ``store_url``: where records live; both are ``redis://127.0.0.1:6379/0`` by default;
    - ``SMSRELAY_NUMBER_KEYS``, ``number_keys``: the keys that the workers have too, ``new`` or ``new,old``; required.

    The value of a secret may be in a file that the variable with ``_FILE`` at its end names. ``documented()`` lists them all.
    """

    if TYPE_CHECKING:  # as type checkers see it, who otherwise take what the environment gives for missing arguments

        def __init__(  # noqa: PLR0913  as many as an app may want to give
            self,
            *,
            broker_url: str = ...,
            store_url: str = ...,
            number_keys: str | SecretStr | KeyRing = ...,
            payload_keys: str | SecretStr | KeyRing | None = ...,
            templates: str | Path | None = ...,
            enqueue_timeout: float = ...,
            secret: str | SecretStr = ...,
            retention_hours: float = ...,
            only_to: str | None = ...,
            traces: str | None = ...,
            **others: Any,
        ) -> None: ...

    number_keys: Keys = Field(
        description="Keys of the hashes that stand for numbers and content, new or new,old; each 16+ characters, no comma."
    )
    templates: Path | None = Field(default=None, description="Template registry, a TOML file.")
    enqueue_timeout: Annotated[float, Field(ge=0.1, le=60)] = Field(
        default=5, description="Seconds that one enqueuing call waits, in all, for a store or broker that is silent."
    )
    only_to: str | None = Field(
        default=None,
        repr=False,
        description="Staging: the only numbers that are texted, separated by commas; all others are refused.",
    )

    traces: Annotated[str, AfterValidator(otlp_endpoint)] | None = Field(
        default=None,
        repr=False,
        description="Base URL of an OTLP/HTTP endpoint, to which spans are exported (docs/traces.md). Without: no traces.",
    )

    @field_validator("only_to")
    @classmethod
    def _numbers(cls, only_to: str | None) -> str | None:
        return None if only_to is None else ",".join(e164(number.strip()) for number in only_to.split(","))

    @property
    def only_to_numbers(self) -> frozenset[str] | None:
        """The only numbers that may be texted, in E.164; ``None``: any."""
        return None if self.only_to is None else frozenset(self.only_to.split(","))


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


def file_named(variable: str) -> Path | None:
    """The path that a variable of the ``.env`` file holds, None for none; raises ``SettingsError`` as ``env_file`` does."""
    path = env_file().get(variable)
    return Path(path) if path else None


def with_scheme(url: str, *schemes: str) -> str:
    """The URL unchanged; raises ``ValueError``, which does not quote it, when it begins with none of ``schemes``."""
    if not url.startswith(schemes):
        raise ValueError(f"must begin with one of {' '.join(schemes)}")
    return url


def _lines(error: ValidationError) -> list[tuple[str, str]]:
    """The variable of each problem, and the line about it."""
    found = error.errors(include_input=False, include_url=False)
    named = [(PREFIX + str(one["loc"][0]).upper() if one["loc"] else "settings", one["msg"]) for one in found]
    return [(name, f"{name}: {message.removeprefix('Value error, ')}") for name, message in named]


def _secret(annotation: Any) -> bool:
    """Whether it is a type of secrets, or one of several that are allowed."""
    return annotation in (SecretStr, KeyRing) or any(_secret(one) for one in get_args(annotation))
