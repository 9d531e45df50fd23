"""Enqueuer on a real store and broker: recorded once, published, and whole or not at all, whatever is away."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from redis import Redis

from smsrelay.contract.job import SendJob
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.state import State
from smsrelay.enqueue import CHUNK, Accepted, Enqueuer, ReferenceTaken
from smsrelay.messages.record import Entry, Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.outbox import Outbox
from tests.support.queues import published_ids, queued
from tests.support.store_keys import KEYS as STORE_KEYS
from tests.support.waiting import eventually

KEYS = KeyRing(b"0123456789abcdef")
NUMBER, CODE = "+8613800138000", "739148"
THREADS = 8


def job(**changes: object) -> SendJob:
    return SendJob.decode({"to": NUMBER, "template": "0000000", "params": [CODE], "lane": "otp"} | changes)


def settings(store_url: str, broker_url: str) -> ProducerSettings:
    return ProducerSettings(_env_file=None, number_keys=KEYS, store_url=store_url, broker_url=broker_url)


@pytest.fixture
def enqueuer(valkey_url: str) -> Iterator[Enqueuer]:
    with Enqueuer.connect(settings(valkey_url, valkey_url)) as connected:
        yield connected


@pytest.fixture
def broker_away(valkey_url: str, closed_port: int) -> Iterator[Enqueuer]:
    with Enqueuer.connect(settings(valkey_url, f"redis://127.0.0.1:{closed_port}/0")) as connected:
        yield connected


def record(redis: StoreRedis, accepted: Accepted) -> Record:
    return Record.decode(accepted.message_id, redis.hgetall(STORE_KEYS.message(accepted.message_id)))


def outbox(redis: StoreRedis, lane: Lane = Lane.OTP) -> list[str]:
    return list(redis.zrange(STORE_KEYS.outbox(lane), 0, -1))


def test_an_accepted_job_is_recorded_and_published(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    accepted = enqueuer.enqueue(job(app="shop", reference="r1"))
    assert (accepted.message_id, accepted.lane, accepted.new) == (referenced_id("shop", "r1"), Lane.OTP, True)
    assert published_ids(redis, Lane.OTP) == outbox(redis) == [accepted.message_id]
    written = record(redis, accepted)
    assert (written.state, written.attempt, written.revision, written.app, written.reference) == (
        State.QUEUED,
        0,
        1,
        "shop",
        "r1",
    )
    assert written.timeline == (Entry(written.created_at, State.QUEUED, 0, "", "enqueued"),)


def test_a_record_is_on_the_agenda_for_its_expiry(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    accepted = enqueuer.enqueue(job())
    written = record(redis, accepted)
    assert written.expires_at == pytest.approx(written.created_at + 300_000, abs=5_000)
    assert redis.zscore(STORE_KEYS.agenda, accepted.message_id) == written.expires_at


def test_recipient_and_parameters_live_exactly_until_the_message_expires(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    accepted = enqueuer.enqueue(job(expires_in=90))
    key = STORE_KEYS.payload(accepted.message_id)
    assert json.loads(redis.get(key)) == {"to": NUMBER, "params": [CODE]}
    assert redis.pexpiretime(key) == record(redis, accepted).expires_at


def test_number_and_code_stand_in_the_payload_and_nowhere_else(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    accepted = enqueuer.enqueue_all([job(), job(to="13900139000", not_before=_in(hours=1).isoformat(), expires_in=7200)])
    payloads = {STORE_KEYS.payload(one.message_id) for one in accepted}
    for key in set(redis.scan_iter()) - payloads:
        held = key.encode() + _dump(redis, key)
        assert not any(part.encode() in held for part in ("138001380", "139001390", CODE)), key
    assert len(payloads) == redis.exists(*payloads) == 2


def test_a_job_for_later_waits_on_the_agenda_and_is_not_published(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    not_before = _in(hours=1)
    accepted = enqueuer.enqueue(job(not_before=not_before.isoformat()))
    written = record(redis, accepted)
    assert written.due == redis.zscore(STORE_KEYS.agenda, accepted.message_id) == not_before.timestamp() * 1000
    assert written.timeline[0].rule == "not_before"
    assert queued(redis, Lane.OTP) == outbox(redis) == []


def test_a_job_whose_time_has_come_is_published_at_once(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    accepted = enqueuer.enqueue(job(not_before=_in(hours=-1).isoformat()))
    assert published_ids(redis, Lane.OTP) == [accepted.message_id]


def test_the_same_job_without_a_reference_is_another_message(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    first, second = enqueuer.enqueue(job()), enqueuer.enqueue(job())
    assert first.message_id != second.message_id
    assert outbox(redis) == [first.message_id, second.message_id]


def test_the_same_reference_with_the_same_content_is_the_same_message(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    first = enqueuer.enqueue(job(reference="r"))
    before = redis.hgetall(STORE_KEYS.message(first.message_id))
    again = enqueuer.enqueue(job(reference="r", to="138-0013-8000", expires_in=60))
    assert (again.message_id, again.new) == (first.message_id, False)
    assert redis.hgetall(STORE_KEYS.message(first.message_id)) == before
    assert redis.xlen(STORE_KEYS.events) == 1


@pytest.mark.parametrize("change", [{"params": ["1"]}, {"to": "13900139000"}, {"template": "1"}, {"lane": "notice"}])
def test_the_same_reference_with_other_content_is_refused_and_changes_nothing(
    enqueuer: Enqueuer, redis: StoreRedis, change: dict[str, object]
) -> None:
    enqueuer.enqueue(job(reference="r-walrus"))
    before = _everything(redis)
    with pytest.raises(ReferenceTaken) as refused:
        enqueuer.enqueue(job(reference="r-walrus", **change))
    assert "walrus" not in str(refused.value)
    assert _everything(redis) == before


def test_a_reference_belongs_to_its_app(enqueuer: Enqueuer) -> None:
    one, other = enqueuer.enqueue(job(reference="r", app="a")), enqueuer.enqueue(job(reference="r", app="b", params=["1"]))
    assert one.message_id != other.message_id


def test_a_reference_of_a_finished_message_wakes_nobody(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    first = enqueuer.enqueue(job(reference="r"))
    redis.hset(STORE_KEYS.message(first.message_id), "state", State.DELIVERED.value)
    redis.delete(Lane.OTP.queue)
    assert enqueuer.enqueue(job(reference="r")).new is False
    assert queued(redis, Lane.OTP) == []


def test_one_reference_from_many_threads_at_once_is_one_message(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    barrier = Barrier(THREADS)

    def enqueue() -> Accepted:
        barrier.wait()
        return enqueuer.enqueue(job(reference="r"))

    with ThreadPoolExecutor(THREADS) as threads:
        accepted = [future.result() for future in [threads.submit(enqueue) for _ in range(THREADS)]]
    [message_id] = {one.message_id for one in accepted}
    assert sum(one.new for one in accepted) == 1
    assert outbox(redis) == redis.zrange(STORE_KEYS.agenda, 0, -1) == [message_id]
    assert set(published_ids(redis, Lane.OTP)) == {message_id}
    assert redis.xlen(STORE_KEYS.events) == 1


def test_a_bulk_keeps_its_order_and_shares_tasks(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    count = 2 * CHUNK + 1
    accepted = enqueuer.enqueue_all(job(lane="marketing", reference=str(number)) for number in range(count))
    assert [one.message_id for one in accepted] == [referenced_id("default", str(number)) for number in range(count)]
    assert all(one.new for one in accepted)
    assert published_ids(redis, Lane.MARKETING) == [one.message_id for one in accepted]
    assert len(queued(redis, Lane.MARKETING)) == 3


def test_a_bulk_of_several_lanes_reaches_each_queue(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    lanes = [Lane.NOTICE, Lane.OTP, Lane.MARKETING, Lane.OTP]
    accepted = enqueuer.enqueue_all(job(lane=lane.value) for lane in lanes)
    for lane in Lane:
        assert published_ids(redis, lane) == [one.message_id for one in accepted if one.lane is lane]


def test_a_bulk_longer_than_one_batch_is_recorded_whole(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    accepted = enqueuer.enqueue_all([job()] * 1201)
    assert len({one.message_id for one in accepted}) == redis.zcard(STORE_KEYS.outbox(Lane.OTP)) == 1201
    assert sorted(published_ids(redis, Lane.OTP)) == sorted(one.message_id for one in accepted)


def test_an_empty_bulk_is_nothing(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    assert enqueuer.enqueue_all([]) == []
    assert _records(redis) == []


def test_one_wrong_job_keeps_the_whole_bulk_out_and_every_wrong_one_is_named(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    past = _in(hours=-1).isoformat()
    with pytest.raises(Rejection) as refused:
        enqueuer.enqueue_all([job(), job(expires_at=past), job(), job(lane=None)])
    assert [problem.field for problem in refused.value.problems] == ["[1].expires_at", "[3].lane"]
    assert list(redis.scan_iter()) == []


def test_a_bulk_may_repeat_a_reference_with_the_same_content(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    accepted = enqueuer.enqueue_all([job(reference="r"), job(reference="r")])
    assert [one.new for one in accepted] == [True, False]
    assert len(_records(redis)) == 1


def test_a_taken_reference_in_a_bulk_comes_after_the_others_were_accepted(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    with pytest.raises(ReferenceTaken) as refused:
        enqueuer.enqueue_all([job(reference="r"), job(reference="r", params=["1"]), job(reference="s")])
    assert [problem.field for problem in refused.value.problems] == ["[1].reference"]
    expected = [referenced_id("default", reference) for reference in ("r", "s")]
    assert published_ids(redis, Lane.OTP) == expected


def test_a_registered_template_checks_parameters_before_anything_is_recorded(
    valkey_url: str, redis: StoreRedis, tmp_path: Path
) -> None:
    registry = tmp_path / "templates.toml"
    registry.write_text('[[template]]\nid="0000000"\nbody="{0} {1}"\nsignature="Firma"\nstatus="approved"\nlane="otp"\n')
    with Enqueuer.connect(settings(valkey_url, valkey_url).replaced(templates=registry)) as enqueuer:
        with pytest.raises(Rejection, match="params: 1 given, template 0000000 takes 2"):
            enqueuer.enqueue(job())
        assert list(redis.scan_iter()) == []
        assert enqueuer.enqueue(job(lane=None, params=["1", "2"])).lane is Lane.OTP


def test_a_job_is_accepted_while_the_broker_is_away(broker_away: Enqueuer, redis: StoreRedis) -> None:
    accepted = broker_away.enqueue(job())
    assert accepted.new
    assert outbox(redis) == [accepted.message_id]
    assert record(redis, accepted).state is State.QUEUED


def test_a_worker_that_records_a_job_does_not_publish_it(broker_away: Enqueuer, redis: StoreRedis) -> None:
    recorded = broker_away.record(job())
    assert (recorded.new, recorded.wake) == (True, True)
    assert outbox(redis) == [recorded.message.message_id]


def test_tags_are_fields_of_the_record_and_no_content_of_the_reference(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    message_id = enqueuer.enqueue(job(reference="r", tags={"order": "4711", "shop": "上海"})).message_id
    again = enqueuer.enqueue(job(reference="r", tags={"order": "other"}))
    assert (again.message_id, again.new) == (message_id, False)
    record = Record.decode(message_id, redis.hgetall(STORE_KEYS.message(message_id)))
    assert record.tags == {"order": "4711", "shop": "上海"}
    assert record.test is False


def test_a_record_without_tags_has_no_field_for_them(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    message_id = enqueuer.enqueue(job()).message_id
    assert set(redis.hkeys(STORE_KEYS.message(message_id))) == {"state", "try", "rev", "len", "at", "exp", "lane", "tpl", "who"}


def test_a_test_message_is_marked_in_its_record(valkey_url: str, redis: StoreRedis) -> None:
    recording = Outbox(open_store(StoreAddress(valkey_url)), KEYS)
    message = job(reference="r", tags={"order": "1"}).accept(recording.now(), {}, lambda: 7, test=True)
    recording.record([message])
    recording.close()
    record = Record.decode(message.message_id, redis.hgetall(STORE_KEYS.message(message.message_id)))
    assert (record.test, record.tags, record.reference) == (True, {"order": "1"}, "r")


def test_without_the_store_nothing_is_accepted(valkey_url: str, redis: StoreRedis, closed_port: int) -> None:
    with Enqueuer.connect(settings(f"redis://127.0.0.1:{closed_port}/0", valkey_url)) as enqueuer:
        for attempt in (lambda: enqueuer.enqueue(job()), lambda: enqueuer.enqueue_all([job()]), lambda: enqueuer.record(job())):
            with pytest.raises(StoreUnavailable) as failed:
                attempt()
            assert NUMBER not in str(failed.value)
            assert CODE not in str(failed.value)
    assert list(redis.scan_iter()) == []


@pytest.mark.parametrize("count", [1, 3])
def test_a_full_store_accepts_nothing_and_says_so(enqueuer: Enqueuer, redis: StoreRedis, count: int) -> None:
    with _full(redis), pytest.raises(StoreUnavailable):
        enqueuer.enqueue_all([job()] * count)
    assert list(redis.scan_iter()) == []
    assert enqueuer.enqueue(job()).new


def test_a_store_that_became_a_replica_accepts_nothing_and_says_so(
    enqueuer: Enqueuer, redis: StoreRedis, closed_port: int
) -> None:
    with _replica(redis, closed_port), pytest.raises(StoreUnavailable):
        enqueuer.enqueue_all([job()])
    assert list(redis.scan_iter()) == []


def test_a_store_that_forgot_the_script_is_given_it_again(enqueuer: Enqueuer, redis: StoreRedis) -> None:
    enqueuer.enqueue(job(reference="r"))
    redis.script_flush()
    assert enqueuer.enqueue(job(reference="r")).new is False
    assert enqueuer.enqueue(job()).new


def test_recording_a_message_twice_writes_it_once(valkey_url: str, redis: StoreRedis) -> None:
    with open_store(StoreAddress(valkey_url)) as client:
        outbox_ = Outbox(client, KEYS)
        message = job(reference="r").accept(outbox_.now(), {}, lambda: 0)
        first, second = outbox_.record([message, message])
    assert (first.new, second.new, second.same, second.wake) == (True, False, True, True)
    assert redis.zcard(STORE_KEYS.agenda) == 1


def test_a_message_that_expires_while_it_is_recorded_is_recorded_all_the_same(valkey_url: str, redis: StoreRedis) -> None:
    with open_store(StoreAddress(valkey_url)) as client:
        outbox_ = Outbox(client, KEYS)
        late = replace(job().accept(outbox_.now(), {}, lambda: 0), expires_at=outbox_.now() - 1)
        [recorded] = outbox_.record([late])
    assert recorded.new
    assert redis.exists(STORE_KEYS.message(late.message_id), STORE_KEYS.payload(late.message_id)) == 1
    assert redis.zscore(STORE_KEYS.agenda, late.message_id) == late.expires_at


def test_a_closed_enqueuer_holds_no_connection(valkey_url: str, redis: StoreRedis) -> None:
    before = len(redis.client_list())
    with Enqueuer.connect(settings(valkey_url, valkey_url)) as enqueuer:
        enqueuer.enqueue(job())
        assert len(redis.client_list()) > before
    eventually(lambda: len(redis.client_list()) == before, "every connection is closed")


def _in(hours: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)


def _records(redis: StoreRedis) -> list[str]:
    return list(redis.scan_iter(STORE_KEYS.message("*")))


def _dump(redis: StoreRedis, key: str) -> bytes:
    """The key's value as it is kept: the index of numbers holds bytes that are no text."""
    pool = redis.connection_pool
    with Redis.from_url(f"redis://{pool.connection_kwargs['host']}:{pool.connection_kwargs['port']}") as raw:
        return {
            "hash": lambda: repr(raw.hgetall(key)).encode(),
            "string": lambda: raw.get(key),
            "stream": lambda: repr(raw.xrange(key)).encode(),
            "zset": lambda: b" ".join(raw.zrange(key, 0, -1)),
            "list": lambda: b" ".join(raw.lrange(key, 0, -1)),
            "set": lambda: b" ".join(sorted(raw.smembers(key))),
        }[redis.type(key)]()


def _everything(redis: StoreRedis) -> dict[str, bytes]:
    return {key: _dump(redis, key) for key in redis.scan_iter()}


@contextmanager
def _full(redis: StoreRedis) -> Iterator[None]:
    redis.config_set("maxmemory", 1)
    try:
        yield
    finally:
        redis.config_set("maxmemory", 0)


@contextmanager
def _replica(redis: StoreRedis, closed_port: int) -> Iterator[None]:
    redis.replicaof("127.0.0.1", closed_port)
    try:
        yield
    finally:
        redis.replicaof("NO", "ONE")
