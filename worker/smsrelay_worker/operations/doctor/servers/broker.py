"""Checks the broker: whether it answers, and how it keeps what it was given.

Takes the settings, returns findings. Only reads.
"""

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from smsrelay.broker.publisher import BrokerUnavailable, Publisher, open_broker
from smsrelay.broker.queues import transport_options
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.settings import StoreSettings
from smsrelay_worker.operations.doctor.finding import Finding, error, note
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.servers.broker_owner import examine_owner
from smsrelay_worker.operations.doctor.servers.rabbitmq_nodes import examine_nodes
from smsrelay_worker.operations.doctor.servers.sentinels import examine_sentinels
from smsrelay_worker.operations.doctor.servers.server import examine_server

RABBITMQ_CONSUMER_TIMEOUT = 1800  # seconds; the default, unless somebody changed it


def examine_broker(settings: StoreSettings) -> list[Finding]:
    """Findings about the broker. A Redis that is both broker and store is checked as the store."""
    if silent := answers(settings.broker_url):
        return silent
    if is_rabbitmq(settings.broker_url):
        return [*examine_nodes(settings.broker_url), _consumer_timeout()]
    if found := examine_owner(settings):
        return found
    if same_server(settings):
        return []
    # Through kombu, as a worker connects.
    options = transport_options(settings.broker_url, 1) | {"max_retries": 1}
    with open_broker(settings.broker_url, options) as connection:
        try:
            found = examine_server("broker", connection.default_channel.client)
            return [*found, *examine_sentinels(RedisAddress.of(settings.broker_url))]
        except (KombuError, RedisError) as problem:
            return [_unavailable(f"the broker did not answer ({type(problem).__name__})")]


def answers(broker_url: str) -> list[Finding]:
    """A broker that does not answer, or does not let us in."""
    with Publisher(broker_url, 1) as publisher:
        try:
            publisher.look()
        except BrokerUnavailable as problem:
            return [_unavailable(str(problem))]
    return []


def same_server(settings: StoreSettings) -> bool:
    """Whether broker and store are the same Redis, in whatever databases."""
    if is_rabbitmq(settings.broker_url):
        return False
    return RedisAddress.of(settings.broker_url).same_servers(RedisAddress.of(settings.store_url))


def _unavailable(problem: str) -> Finding:
    return error("broker", Kind.BROKER_DOWN, reason=problem)


def _consumer_timeout() -> Finding:
    return note("broker", Kind.RABBITMQ_TIMEOUT_UNKNOWN, seconds=RABBITMQ_CONSUMER_TIMEOUT)
