"""Checks whether the broker's database belongs to another relay: queues have no prefix, so two would mix their tasks there.

The first worker writes its prefix there. On RabbitMQ nothing is checked; a virtual host is for one relay.
"""

from redis.exceptions import ResponseError

from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.servers.store_address import StoreAddress
from smsrelay.settings import StoreSettings
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay_worker.operations.doctor.finding import Finding, error
from smsrelay_worker.operations.doctor.kind import Kind

OWNER = "sms.relay"  # key: the prefix of the relay whose tasks are in this database

FOUND = error("broker", Kind.BROKER_OF_ANOTHER_RELAY, key=OWNER)


def other_owner(settings: StoreSettings, *, claim: bool = False) -> str | None:
    """What to say if another relay has the broker; ``claim`` it for this one if nobody has. None also if it does not answer."""
    if is_rabbitmq(settings.broker_url):
        return None
    with open_store(StoreAddress(settings.broker_url), 1) as redis:
        try:
            with store_answers():
                if claim:
                    redis.set(OWNER, settings.prefix, nx=True)
                owner = redis.get(OWNER)
        except (StoreUnavailable, ResponseError):
            return None
    return None if owner in {None, settings.prefix} else f"{FOUND.problem}; {FOUND.remedy}"


def examine_owner(settings: StoreSettings) -> list[Finding]:
    """An error, if another relay has it."""
    return [FOUND] if other_owner(settings) else []
