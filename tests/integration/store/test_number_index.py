"""The index of numbers: which messages a number has, for as long as their records live."""

import uuid
from collections.abc import Iterator

import pytest
from redis import Redis

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.message import fresh_id, recipient_digest
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay.store.script import Script
from tests.support.messages import NUMBER_KEYS, applying, begin, changed, job
from tests.support.store_keys import KEYS

NUMBER = "+8613800138000"
ENDLESS = 2147483647
_PRELUDES = ("ids.lua", "number_index.lua")


@pytest.fixture
def raw(valkey_url: str) -> Iterator[StoreRedis]:
    """A client of the same database that decodes nothing."""
    with Redis.from_url(valkey_url) as client:
        yield client


def entries(raw: StoreRedis, number: str = NUMBER) -> dict[str, float]:
    """The ids that the index has for a number, each with its minute."""
    digest, found = recipient_digest(NUMBER_KEYS.newest, number).encode(), {}
    for shared, key in enumerate(KEYS.numbers(digest.decode()), 2):
        for member, minute in raw.zrange(key, 0, -1, withscores=True):
            if member.startswith(digest[shared:]):
                found[str(uuid.UUID(bytes=member[len(digest[shared:]) :]))] = minute
    return found


def test_a_message_is_found_by_its_number_from_its_acceptance_on(door: Enqueuer, raw: StoreRedis) -> None:
    ids = {door.enqueue(job()).message_id for _ in range(3)}
    other = door.enqueue(job().model_copy(update={"to": "13900139000"})).message_id
    assert entries(raw) == dict.fromkeys(ids, ENDLESS)
    assert set(entries(raw, "+8613900139000")) == {other}


def test_the_entry_of_a_final_message_lives_as_long_as_its_record(store: Records, door: Enqueuer, raw: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    changed(store, message_id, lambda reading: cancelled(reading.record))
    gone = raw.pexpiretime(KEYS.message(message_id))
    assert 0 <= entries(raw)[message_id] * 60_000 - gone < 60_000
    [key, _] = KEYS.numbers(recipient_digest(NUMBER_KEYS.newest, NUMBER))
    assert 0 <= raw.pexpiretime(key) - gone <= 120_000


def test_a_set_with_a_message_that_still_waits_has_no_end(store: Records, door: Enqueuer, raw: StoreRedis) -> None:
    first = door.enqueue(job()).message_id
    changed(store, first, lambda reading: cancelled(reading.record))
    door.enqueue(job())
    assert raw.pttl(KEYS.numbers(recipient_digest(NUMBER_KEYS.newest, NUMBER))[0]) == -1


def test_a_failed_message_that_is_delivered_after_all_is_kept_as_long_as_its_record(
    store: Records, door: Enqueuer, redis: StoreRedis, raw: StoreRedis
) -> None:
    message_id = door.enqueue(job()).message_id
    begin(store, message_id)
    for code in ("504", "200"):
        applying(store, redis).apply(StatusEvent(message_id=message_id, attempt=1, code=code, updated_on=1, received_at=1))
        gone = raw.pexpiretime(KEYS.message(message_id))
        assert 0 <= entries(raw)[message_id] * 60_000 - gone < 60_000


def test_a_number_with_very_many_messages_is_found_with_all_of_them(door: Enqueuer, raw: StoreRedis) -> None:
    ids = {accepted.message_id for accepted in door.enqueue_all([job() for _ in range(500)])}
    assert set(entries(raw)) == ids


def test_entries_whose_record_is_gone_go_with_the_next_message_that_ends(redis: StoreRedis, raw: StoreRedis) -> None:
    index = Script(redis, __name__, "keep_indexed.lua", _PRELUDES)
    first, second = KEYS.numbers("abcdefghijkl")
    old, new = fresh_id(1, 1), fresh_id(1, 2)
    for message_id in (old, new):
        index.run([first, second], ["abcdefghijkl", message_id, 0, "note"])
    hour = 3_600_000
    index.run([first, second], ["abcdefghijkl", old, hour, "end", 2 * hour])
    index.run([first, second], ["abcdefghijkl", new, 3 * hour, "end", 40_000_000 * 60_000])
    assert raw.zcard(first) == 1


def test_an_entry_costs_little_once_there_are_many(redis: StoreRedis) -> None:
    index = Script(redis, __name__, "keep_indexed.lua", _PRELUDES)
    before, count = redis.memory_stats()["dataset.bytes"], 20_000
    for number in range(count):
        digest = recipient_digest(NUMBER_KEYS.newest, str(number))
        index.run(KEYS.numbers(digest), [digest, fresh_id(1, number), 0, "note"])
    each = (redis.memory_stats()["dataset.bytes"] - before) / count
    print(f"bytes: {each:.0f} an entry among {count}")
    assert each <= 72
