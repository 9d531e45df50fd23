"""Messages that are final, in a real store."""

from typing import Any

from smsrelay.contract.message import recipient_digest
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.records import Records
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import ACCEPTED, NUMBER_KEY, answer, begin, changed, job

RECIPIENT = recipient_digest(NUMBER_KEY.encode(), "+8613800138000")  # of the jobs
_TOGETHER = 50


def failed(door: Enqueuer, store: Records, **fields: Any) -> str:
    """A message that the vendor refused; its number is kept until its deadline."""
    message_id = door.enqueue(job(**fields)).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    return message_id


def submitted(door: Enqueuer, store: Records, **fields: Any) -> str:
    message_id = door.enqueue(job(**fields)).message_id
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    return message_id


def cancel(store: Records, message_id: str) -> None:
    changed(store, message_id, lambda reading: cancelled(reading.record))


def many(door: Enqueuer, store: Records, count: int) -> set[str]:
    """Ids of so many cancelled messages."""
    ids = [one.message_id for one in door.enqueue_all(job(reference=f"r{number}") for number in range(count))]
    for start in range(0, count, _TOGETHER):
        readings = [one for one in store.read_many(ids[start : start + _TOGETHER]) if one is not None]
        store.change_many([(reading, lambda found: cancelled(found.record)) for reading in readings])
    return set(ids)
