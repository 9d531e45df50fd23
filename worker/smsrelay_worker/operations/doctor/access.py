"""Access: whether store and broker let a process in and permit what it does there.

Enters: the settings. Leaves: what is refused, by the variable that names the server. A server that is away, or that takes no
writes now, refuses nothing: that passes, and is waited for. Connections are closed again; nothing is published and no record is
touched.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from smsrelay.broker.publisher import open_broker
from smsrelay.broker.queues import transport_options
from smsrelay.servers.access_denied import why_denied
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.settings import BrokerSettings, ProducerSettings
from smsrelay_worker.operations.doctor import rabbitmq_rights, redis_rights
from smsrelay_worker.operations.doctor.redis_rights import Command

_WITHIN = 3  # seconds

_STORE, _BROKER = "SMSRELAY_STORE_URL", "SMSRELAY_BROKER_URL"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the server that a variable names refuses: to let us in, or rights that the user lacks."""

    variable: str
    kept_out: str | None = None
    lacks: tuple[str, ...] = ()
    remedy: str = ""

    def __str__(self) -> str:
        if self.kept_out:
            return f"{self.variable}: the server does not let us in: {self.kept_out}"
        return f"{self.variable}: the server's user lacks {', '.join(self.lacks)}; {self.remedy} (docs/operating.md, Rights)"


def of_worker(settings: ProducerSettings, *, events: bool = True) -> list[Refusal]:
    """What a worker would be refused; ``events``: it tells Flower what it does."""
    if is_rabbitmq(settings.broker_url):
        trials = rabbitmq_rights.of_worker(settings.broker_url, events=events)
        return [*_redis(_STORE, settings.store_url, redis_rights.at_store()), *_rabbitmq(settings.broker_url, trials)]
    database = RedisAddress.of(settings.broker_url).database
    return _two_redis(settings, redis_rights.at_broker(database, events=events))


def of_receiver(settings: ProducerSettings) -> list[Refusal]:
    """What a receiver would be refused."""
    if is_rabbitmq(settings.broker_url):
        trials = rabbitmq_rights.of_receiver(settings.broker_url)
        return [*_redis(_STORE, settings.store_url, redis_rights.at_store()), *_rabbitmq(settings.broker_url, trials)]
    return _two_redis(settings, redis_rights.of_receiver())


def of_onlooker(settings: BrokerSettings) -> list[Refusal]:
    """Whether the broker lets us in."""
    if is_rabbitmq(settings.broker_url):
        return _rabbitmq(settings.broker_url, [])
    return _redis(_BROKER, settings.broker_url, [("PING",)])


def _two_redis(settings: ProducerSettings, at_broker: Iterable[Command]) -> list[Refusal]:
    if RedisAddress.of(settings.store_url) == RedisAddress.of(settings.broker_url):
        return _redis(_STORE, settings.store_url, [*redis_rights.at_store(), *at_broker])
    at_store = _redis(_STORE, settings.store_url, redis_rights.at_store())
    return [*at_store, *_redis(_BROKER, settings.broker_url, at_broker)]


def _redis(variable: str, url: str, commands: Iterable[Command]) -> list[Refusal]:
    address = RedisAddress.of(url)
    within = {"socket_timeout": _WITHIN} if address.socket else {"socket_timeout": _WITHIN, "socket_connect_timeout": _WITHIN}
    pool = ConnectionPool.from_url(address.redis_url, retry=Retry(NoBackoff(), 0), decode_responses=True, **within)
    with Redis.from_pool(pool) as redis:
        return _refusals(variable, partial(redis_rights.lacking, redis, commands), "give it these with ACL SETUSER")


def _rabbitmq(url: str, trials: list[rabbitmq_rights.Trial]) -> list[Refusal]:
    with open_broker(url, transport_options(url, 1)) as connection:
        return _refusals(_BROKER, partial(rabbitmq_rights.lacking, connection, trials), "rabbitmqctl set_permissions")


def _refusals(variable: str, lacking: Callable[[], list[str]], remedy: str) -> list[Refusal]:
    try:
        missing = tuple(lacking())
    except (RedisError, KombuError, AMQPError, OSError) as error:
        reason = why_denied(error)
        return [Refusal(variable, kept_out=reason)] if reason else []
    return [Refusal(variable, lacks=missing, remedy=remedy)] if missing else []
