"""The doctor's look at the broker: whether it answers, and how it keeps what it was given.

Enters: the settings. Leaves: findings. Only reads.
"""

from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from smsrelay.broker.publisher import BrokerUnavailable, Publisher, open_broker
from smsrelay.broker.queues import transport_options
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.settings import ProducerSettings
from smsrelay_worker.operations.doctor.finding import Finding, error, note
from smsrelay_worker.operations.doctor.server import examine_server

RABBITMQ_PATIENCE = 1800  # seconds; its consumer_timeout, unless somebody set another


def examine_broker(settings: ProducerSettings) -> list[Finding]:
    """What is wrong at the broker, as far as the store's check has not said it."""
    with Publisher(settings.broker_url, 1) as publisher:
        try:
            publisher.look()
        except BrokerUnavailable as problem:
            return [_away(str(problem))]
    if is_rabbitmq(settings.broker_url):
        return [_out_of_reach()]
    if same_server(settings):
        return []
    # Through kombu, as the worker.
    options = transport_options(settings.broker_url, 1) | {"max_retries": 1}
    with open_broker(settings.broker_url, options) as connection:
        try:
            return examine_server("broker", connection.default_channel.client)
        except (KombuError, RedisError) as problem:
            return [_away(f"the broker did not answer ({type(problem).__name__})")]


def same_server(settings: ProducerSettings) -> bool:
    """Whether broker and store are one Redis, whatever their databases."""
    if is_rabbitmq(settings.broker_url):
        return False
    broker, store = RedisAddress.of(settings.broker_url), RedisAddress.of(settings.store_url)
    return (broker.place, broker.socket) == (store.place, store.socket)


def _away(problem: str) -> Finding:
    return error("broker", problem, "SMSRELAY_BROKER_URL; start it. Accepted messages wait for it")


def _out_of_reach() -> Finding:
    problem = (
        f"consumer_timeout is out of reach: only RabbitMQ's own host tells it. {RABBITMQ_PATIENCE} s, its default, is assumed"
    )
    return note("broker", problem, "there, `rabbitmqctl eval 'application:get_env(rabbit, consumer_timeout).'` (ms); not less")
