"""Checks whether store and broker accept our login and permit what a process does there.

Takes the settings, returns one ``AccessProblem`` for each server that refuses something. A server that is down, or accepts no
writes right now, is no problem here: that passes, and processes wait for it. Publishes nothing, touches no record, closes its
connections.
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
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.servers.access_denied import why_denied
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.redis_connection import connection_options
from smsrelay.servers.store_address import DEFAULT_PREFIX
from smsrelay.settings import BrokerSettings, StoreSettings
from smsrelay.store.keys import Keys
from smsrelay_worker.operations.doctor.servers import rabbitmq_rights, redis_rights
from smsrelay_worker.operations.doctor.servers.redis_rights import Command

_TIMEOUT = 3  # seconds

_STORE, _BROKER = "SMSRELAY_STORE_URL", "SMSRELAY_BROKER_URL"


@dataclass(frozen=True, slots=True)
class AccessProblem:
    """Why the server that a variable names is of no use to us: it refuses the login, or its user lacks rights."""

    variable: str
    denied: str | None = None
    missing: tuple[str, ...] = ()
    grant: str = ""  # what grants them

    def __str__(self) -> str:
        if self.denied:
            return f"{self.variable}: no access to the server: {self.denied}"
        lacks = f"{self.variable}: the server's user lacks {', '.join(self.missing)}"
        return f"{lacks}; grant them with {self.grant} (docs/operating.md, Rights)"


def worker_problems(settings: StoreSettings, *, events: bool = True) -> list[AccessProblem]:
    """What a worker would be refused; ``events``: it sends task events, for Flower."""
    if is_rabbitmq(settings.broker_url):
        probes = rabbitmq_rights.worker_probes(settings.broker_url, events=events)
        return [*_store(settings), *_rabbitmq(settings.broker_url, probes)]
    database = RedisAddress.of(settings.broker_url).database
    return _two_redis(settings, redis_rights.broker_commands(database, events=events))


def receiver_problems(settings: StoreSettings) -> list[AccessProblem]:
    """What a receiver would be refused."""
    return _publishing(settings, STATUS_QUEUE)


def app_problems(settings: StoreSettings) -> list[AccessProblem]:
    """What an app, or the API, would be refused."""
    return _publishing(settings, *(lane.queue for lane in Lane))


def _publishing(settings: StoreSettings, *queues: str) -> list[AccessProblem]:
    if is_rabbitmq(settings.broker_url):
        return [
            *_store(settings),
            *_rabbitmq(settings.broker_url, rabbitmq_rights.publisher_probes(settings.broker_url, *queues)),
        ]
    return _two_redis(settings, redis_rights.publish_commands(*queues))


def login_problems(settings: BrokerSettings) -> list[AccessProblem]:
    """Whether the broker refuses the login; for Flower, which only watches."""
    if is_rabbitmq(settings.broker_url):
        return _rabbitmq(settings.broker_url, [])
    return _redis(_BROKER, settings.broker_url, DEFAULT_PREFIX, [("PING",)])


def _two_redis(settings: StoreSettings, at_broker: Iterable[Command]) -> list[AccessProblem]:
    if RedisAddress.of(settings.store_url) == RedisAddress.of(settings.broker_url):
        return _store(settings, at_broker)
    return [*_store(settings), *_redis(_BROKER, settings.broker_url, settings.prefix, at_broker)]


def _store(settings: StoreSettings, more: Iterable[Command] = ()) -> list[AccessProblem]:
    at_store = redis_rights.store_commands(Keys(settings.prefix), settings.store_replicas)
    return _redis(_STORE, settings.store_url, settings.prefix, [*at_store, *more])


def _redis(variable: str, url: str, prefix: str, commands: Iterable[Command]) -> list[AccessProblem]:
    address = RedisAddress.of(url, prefix)
    timeouts = {"socket_timeout": _TIMEOUT} | ({} if address.socket else {"socket_connect_timeout": _TIMEOUT})
    options = connection_options(address) | timeouts
    pool = ConnectionPool.from_url(address.redis_url, retry=Retry(NoBackoff(), 0), decode_responses=True, **options)
    with Redis.from_pool(pool) as redis:
        return _problems(variable, partial(redis_rights.missing_rules, redis, prefix, commands), "ACL SETUSER")


def _rabbitmq(url: str, probes: list[rabbitmq_rights.Probe]) -> list[AccessProblem]:
    with open_broker(url, transport_options(url, 1)) as connection:
        return _problems(_BROKER, partial(rabbitmq_rights.missing_permissions, connection, probes), "rabbitmqctl set_permissions")


def _problems(variable: str, look: Callable[[], list[str]], grant: str) -> list[AccessProblem]:
    try:
        missing = tuple(look())
    except (RedisError, KombuError, AMQPError, OSError) as error:
        reason = why_denied(error)
        return [AccessProblem(variable, denied=reason)] if reason else []
    return [AccessProblem(variable, missing=missing, grant=grant)] if missing else []
