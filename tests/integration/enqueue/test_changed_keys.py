"""A reference from before a change of the number key: the same job while the old key is listed, in the same round trip."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.enqueue import Accepted, Enqueuer, ReferenceTaken, Refused
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreRedis
from tests.support.queues import published_ids
from tests.support.store_keys import KEYS

OLD, NEW = b"the old number key", b"the new number key"
ROTATING, WITHOUT_OLD = KeyRing(NEW, OLD), KeyRing(NEW)

Connect = Callable[..., Enqueuer]


def job(code: str = "4711", **changes: object) -> SendJob:
    fields = {"to": "13800138000", "template": "0000000", "params": [code], "lane": "otp", "reference": "r"}
    return SendJob.decode(fields | changes)


@pytest.fixture
def connect(valkey_url: str) -> Iterator[Connect]:
    with ExitStack() as stack:

        def connected(ring: KeyRing) -> Enqueuer:
            settings = ProducerSettings(_env_file=None, number_keys=ring, store_url=valkey_url, broker_url=valkey_url)
            return stack.enter_context(Enqueuer.connect(settings))

        yield connected


@pytest.fixture
def recorded(connect: Connect) -> str:
    """The id of a message that was recorded with the old key."""
    return connect(KeyRing(OLD)).enqueue(job()).message_id


def test_a_repetition_is_recognised_while_the_old_key_is_listed(connect: Connect, recorded: str) -> None:
    assert connect(ROTATING).enqueue(job()) == Accepted(recorded, Lane.OTP, new=False)
    assert connect(KeyRing(OLD, NEW)).enqueue(job()).new is False
    with pytest.raises(ReferenceTaken):
        connect(WITHOUT_OLD).enqueue(job())


def test_other_content_is_refused_whatever_is_listed(connect: Connect, recorded: str, redis: StoreRedis) -> None:
    redis.delete(Lane.OTP.queue)
    for ring in (KeyRing(OLD), ROTATING, WITHOUT_OLD):
        with pytest.raises(ReferenceTaken):
            connect(ring).enqueue(job("4712"))
    assert published_ids(redis, Lane.OTP) == []


def test_a_process_that_only_knows_of_the_new_key_recognises_what_one_that_signs_with_it_has_recorded(connect: Connect) -> None:
    message_id = connect(ROTATING).enqueue(job()).message_id
    assert connect(KeyRing(OLD, NEW)).enqueue(job()) == Accepted(message_id, Lane.OTP, new=False)


def test_a_repetition_is_published_again_by_the_script_itself(connect: Connect, recorded: str, redis: StoreRedis) -> None:
    enqueuer = connect(ROTATING)
    enqueuer.enqueue(job(reference="another"))  # the script is loaded, the clock known
    redis.delete(Lane.OTP.queue)
    redis.config_resetstat()
    enqueuer.enqueue(job())
    assert published_ids(redis, Lane.OTP) == [recorded]
    calls = {name.removeprefix("cmdstat_"): figures["calls"] for name, figures in redis.info("commandstats").items()}
    assert calls["lpush"] == 1
    assert calls["evalsha"] == 1


def test_many_jobs_are_told_apart_one_by_one(connect: Connect, recorded: str) -> None:
    jobs = [job(reference="s"), job(), job("4712"), job(reference=None), job(reference=None)]
    results = list(connect(ROTATING).enqueue_many(jobs))
    assert [one.new if isinstance(one, Accepted) else one.problems[0].field for one in results] == [
        True,
        False,
        "reference",
        True,
        True,
    ]
    assert isinstance(results[2], Refused)


def test_records_are_made_with_the_newest_key(connect: Connect, redis: StoreRedis) -> None:
    for ring, reference in ((ROTATING, "a"), (WITHOUT_OLD, "b")):
        connect(ring).enqueue(job(reference=reference))
    ids = [referenced_id("default", reference) for reference in ("a", "b")]
    assert redis.hmget(KEYS.message(ids[0]), "fp", "who") == redis.hmget(KEYS.message(ids[1]), "fp", "who")
