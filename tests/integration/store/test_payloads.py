"""Numbers and parameters in a real store: encrypted with a key, plain without, and never lost with the wrong one."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from smsrelay.async_enqueue import AsyncEnqueuer
from smsrelay.broker.publisher import Publisher
from smsrelay.contract.key_name import key_name
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.payload_cipher import PLAIN, PayloadCipher, sealed_by
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreRedis
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Payload, Records
from smsrelay_worker.vendors.base import Answer, Submission
from tests.support.messages import ACCEPTED, NUMBER_KEY, NUMBER_KEYS, RETENTION, job, sending
from tests.support.store_keys import KEYS


@dataclass
class Vendor:
    """Accepts everything."""

    submissions: list[Submission] = field(default_factory=list)

    def submit(self, submission: Submission) -> Answer:
        self.submissions.append(submission)
        return replace(ACCEPTED, external_id=submission.message_id)


OLD, NEW = b"an old key of payloads", b"a new key of payloads!"
SEALED_BY_OLD, BOTH, NEW_ALONE = PayloadCipher(KeyRing(OLD)), PayloadCipher(KeyRing(NEW, OLD)), PayloadCipher(KeyRing(NEW))
PAYLOAD = Payload("+8613800138000", ("1234",))


def opened(redis: StoreRedis, url: str, cipher: PayloadCipher) -> Enqueuer:
    numbers = NumberIndex(redis, NUMBER_KEYS)
    return Enqueuer(Outbox(redis, NUMBER_KEYS, cipher=cipher), Publisher(url), {}, Records(redis, RETENTION), numbers=numbers)


@pytest.fixture
def sealing(redis: StoreRedis, valkey_url: str) -> Iterator[Enqueuer]:
    """An app's way in, with the old key."""
    with opened(redis, valkey_url, SEALED_BY_OLD) as enqueuer:
        yield enqueuer


def records(redis: StoreRedis, cipher: PayloadCipher) -> Records:
    return Records(redis, RETENTION, cipher=cipher)


def test_what_is_enqueued_with_a_key_shows_nothing_and_is_read_with_it(sealing: Enqueuer, redis: StoreRedis) -> None:
    message_id = sealing.enqueue(job()).message_id
    wire = redis.get(KEYS.payload(message_id)) or ""
    assert "13800138000" not in wire
    assert "1234" not in wire
    assert redis.pexpiretime(KEYS.payload(message_id)) > 0
    for cipher in (SEALED_BY_OLD, BOTH):
        reading = records(redis, cipher).read(message_id)
        assert reading is not None
        assert (reading.payload, reading.unreadable) == (PAYLOAD, None)
        [claimed] = records(redis, cipher).claim([message_id])
        assert claimed is not None
        assert claimed.payload == PAYLOAD


def test_what_was_enqueued_without_a_key_is_read_with_one(redis: StoreRedis, valkey_url: str) -> None:
    with opened(redis, valkey_url, PLAIN) as enqueuer:
        message_id = enqueuer.enqueue(job()).message_id
    reading = records(redis, BOTH).read(message_id)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_a_payload_whose_key_is_missing_is_not_read_and_says_so(sealing: Enqueuer, redis: StoreRedis) -> None:
    message_id = sealing.enqueue(job()).message_id
    for cipher in (NEW_ALONE, PLAIN):
        reading = records(redis, cipher).read(message_id)
        assert reading is not None
        assert (reading.payload, reading.payload_key) == (None, key_name(OLD))
        assert reading.unreadable is not None
        assert key_name(OLD) in reading.unreadable


def test_a_payload_of_another_message_is_not_taken_for_ones_own(sealing: Enqueuer, redis: StoreRedis) -> None:
    mine, other = (sealing.enqueue(job()).message_id for _ in range(2))
    redis.set(KEYS.payload(mine), redis.get(KEYS.payload(other)) or "")
    reading = records(redis, BOTH).read(mine)
    assert reading is not None
    assert reading.payload is None
    assert reading.unreadable is not None
    assert "not this one's" in reading.unreadable


def test_a_message_whose_payload_does_not_open_waits_and_is_sent_by_a_worker_with_the_key(
    sealing: Enqueuer, redis: StoreRedis
) -> None:
    message_id = sealing.enqueue(job()).message_id
    vendor = Vendor()
    with capture_logs() as told:
        [result] = sending(records(redis, NEW_ALONE), redis, vendor).attempt([message_id])
    assert "left waiting" in str(result)
    [line] = [line for line in told if line["event"] == "payloads not opened, messages left waiting"]
    assert (line["messages"], line["message_id"]) == (1, message_id)
    assert "138" not in json.dumps(line).replace(message_id, "")
    assert vendor.submissions == []
    waiting = records(redis, BOTH).read(message_id)
    assert waiting is not None
    assert (waiting.record.state, waiting.record.attempt) == (State.QUEUED, 0)
    assert redis.zscore(KEYS.agenda, message_id) is not None  # found again when the claim runs out

    sending(records(redis, BOTH), redis, vendor).attempt([message_id])
    [submission] = vendor.submissions
    assert (submission.to, submission.params) == (PAYLOAD.to, PAYLOAD.params)


def test_one_that_does_not_open_holds_up_no_other(sealing: Enqueuer, redis: StoreRedis, valkey_url: str) -> None:
    closed = sealing.enqueue(job()).message_id
    with opened(redis, valkey_url, NEW_ALONE) as enqueuer:
        others = [enqueuer.enqueue(job()).message_id for _ in range(3)]
    vendor = Vendor()
    sending(records(redis, NEW_ALONE), redis, vendor).attempt([*others[:1], closed, *others[1:]])
    assert {one.message_id for one in vendor.submissions} == set(others)


def test_an_app_on_an_event_loop_encrypts_too(redis: StoreRedis, valkey_url: str) -> None:
    settings = ProducerSettings(
        _env_file=None, broker_url=valkey_url, store_url=valkey_url, number_keys=NUMBER_KEY, payload_keys=OLD.decode()
    )

    async def enqueue() -> str:
        async with AsyncEnqueuer.connect(settings) as enqueuer:
            return (await enqueuer.enqueue(job())).message_id

    message_id = asyncio.run(enqueue())
    assert sealed_by(redis.get(KEYS.payload(message_id)) or "") == key_name(OLD)
    reading = records(redis, SEALED_BY_OLD).read(message_id)
    assert reading is not None
    assert reading.payload == PAYLOAD


def test_the_same_reference_is_accepted_once_whatever_the_key(redis: StoreRedis, valkey_url: str) -> None:
    same = job(reference="order-4711")
    accepted = []
    for cipher in (PLAIN, SEALED_BY_OLD, NEW_ALONE):
        with opened(redis, valkey_url, cipher) as enqueuer:
            accepted.append(enqueuer.enqueue(same))
    assert [one.new for one in accepted] == [True, False, False]
    assert len({one.message_id for one in accepted}) == 1
