"""A fuse over a real store and a vendor at a real socket: what it counts, what it stops, and what the next day brings."""

import io
import itertools
import json
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay.store.traffic.halts import Halts
from smsrelay.store.traffic.held_messages import HeldMessages
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.limits.model import ANY, Fuse, Limits
from smsrelay_worker.rate_limit.limiter import RateLimiter
from tests.support import messages
from tests.support.messages import job, sending, store_clock
from tests.support.scripted_vendor import ACCEPTED, Script, answer, scripted_vendor, yisha
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

PER_DAY = 2
PART = "country:shop/86"
HALF_A_DAY = 43_200  # seconds


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_vendor() as running:
        yield running


@contextmanager
def fused(store: Records, redis: StoreRedis, script: Script, midnight_in: int = HALF_A_DAY) -> Iterator[Sender]:
    """A sender with a fuse of two messages a day, whose day ends in so many seconds."""
    limits = Limits(fuses=[Fuse(ANY, ANY, PER_DAY, zone(store_clock(redis) // 1000 + midnight_in))])
    with yisha(script.url) as vendor:
        yield sending(store, redis, vendor, limits=limits)


def zone(midnight: int) -> ZoneInfo:
    """A zone in whose clock a day begins at this instant (epoch seconds), as a file of the zone database says it."""
    ahead = -midnight % 86_400
    ahead = ahead - 86_400 if ahead > HALF_A_DAY else ahead
    head = b"TZif\0" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    return ZoneInfo.from_file(io.BytesIO(head + struct.pack(">lbb", ahead, 0, 0) + b"LMT\0"), key="Test/Midnight")


def enqueued(door: Enqueuer, count: int, app: str = "shop", lane: Lane = Lane.NOTICE) -> list[str]:
    return [door.enqueue(job(lane, app=app)).message_id for _ in range(count)]


def records(store: Records, ids: Sequence[str]) -> list[Record]:
    return [reading.record for one in ids if (reading := store.read(one))]


def stopped(store: Records, ids: Sequence[str]) -> list[str]:
    return [one.message_id for one in records(store, ids) if one.held == PART and one.timeline[-1].rule == "fuse"]


def test_a_chunk_is_sent_up_to_the_fuse_and_the_log_says_so_once(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    ids = enqueued(door, 6)
    with fused(store, redis, script) as sender, capture_logs() as told:
        sender.attempt(ids)
        sender.attempt(enqueued(door, 3))
    assert len(script.received) == PER_DAY
    assert len(stopped(store, ids)) == 4
    blown = [line for line in told if line["event"] == "fuse blown"]
    assert [(line["log_level"], line["app"], line["country"], line["most"]) for line in blown] == [
        ("error", "shop", "86", PER_DAY)
    ]


def test_what_comes_after_it_has_blown_takes_no_slot_of_the_rate(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    with fused(store, redis, script) as sender:
        sender.attempt(enqueued(door, 3))
        before = redis.hgetall(KEYS.rate)
        late = enqueued(door, 3)
        sender.attempt(late)
    assert redis.hgetall(KEYS.rate) == before
    assert set(stopped(store, late)) == set(late)


def test_what_a_fuse_has_stopped_becomes_due_one_by_one_when_the_day_has_ended(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    with fused(store, redis, script) as sender:
        ids = enqueued(door, 6)
        sender.attempt(ids)
        late = enqueued(door, 3)
        sender.attempt(late)
        waiting = [one for one in records(store, [*ids, *late]) if one.held == PART]
    due = sorted(one.due or 0 for one in waiting)
    assert [later - sooner for sooner, later in itertools.pairwise(due)] == [10] * 6  # ms, at 100 a second


def test_other_apps_go_on(store: Records, door: Enqueuer, redis: StoreRedis, script: Script) -> None:
    with fused(store, redis, script) as sender:
        sender.attempt([*enqueued(door, 4), *enqueued(door, PER_DAY, "bank")])
    assert len(script.received) == 2 * PER_DAY
    assert redis.hgetall(KEYS.halts).keys() == {PART}


def test_a_message_that_was_counted_is_tried_again_after_the_fuse_has_blown(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    script.reaction = answer(status="429 Too Many Requests")
    [first] = enqueued(door, 1)
    with fused(store, redis, script) as sender:
        sender.attempt([first])
        script.reaction = answer(ACCEPTED)
        RateLimiter(redis, 100_000.0).resume()
        eventually(lambda: _due(store, redis, first), "its retry is due")
        sender.attempt(enqueued(door, 3))
        assert redis.hget(KEYS.fuse(_day(redis)), "shop/86") == "2"
        sender.attempt([first])
    [record] = records(store, [first])
    assert (record.state, record.attempt) == (State.SUBMITTED, 1)


def test_the_next_day_frees_what_waits_by_itself_up_to_that_days_fuse(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script, valkey_url: str
) -> None:
    ids, scheduler = enqueued(door, 5), messages.agenda(redis, valkey_url, door)
    with fused(store, redis, script, midnight_in=3) as sender:
        sender.attempt(ids)
        midnight = json.loads(redis.hget(KEYS.halts, PART) or "")["until"]
        assert len(script.received) == PER_DAY

        def day_after() -> bool:
            scheduler.turn()
            sender.attempt([one.message_id for one in records(store, ids) if one.state is State.QUEUED and one.held is None])
            return len(script.received) > PER_DAY and len(stopped(store, ids)) == 1

        eventually(day_after, "as many as the fuse allows are sent on the next day")
    assert len(script.received) == 2 * PER_DAY
    begun = sorted(one.begun_at or 0 for one in records(store, ids) if one.state is State.SUBMITTED)
    assert [at >= midnight for at in begun] == [False, False, True, True]
    assert len(redis.keys("{sms}:fuse:*")) == 2


def test_what_a_fuse_stopped_on_another_day_is_forgotten_when_a_message_of_it_is_claimed(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    over = {"since": 1, "kind": "fuse", "until": store_clock(redis), "day": "20261127", "most": PER_DAY}
    redis.hset(KEYS.halts, PART, json.dumps(over))
    [message_id] = enqueued(door, 1)
    with fused(store, redis, script) as sender:
        sender.attempt([message_id])
    assert [one.state for one in records(store, [message_id])] == [State.SUBMITTED]
    assert not redis.exists(KEYS.halts)


def test_a_resumed_fuse_lets_as_many_again_through_and_blows_again(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    ids = enqueued(door, 5)
    with fused(store, redis, script) as sender, capture_logs() as told:
        sender.attempt(ids)
        Halts(redis).resume(PART)
        HeldMessages(redis).release_all(PART, 100_000.0)
        sender.attempt(ids)
    assert len(script.received) == 2 * PER_DAY
    assert len(stopped(store, ids)) == 1
    assert [line["event"] for line in told].count("fuse blown") == 2


def _due(store: Records, redis: StoreRedis, message_id: str) -> bool:
    [record] = records(store, [message_id])
    return record.due is None or record.due <= store_clock(redis)


def _day(redis: StoreRedis) -> str:
    [key] = redis.keys("{sms}:fuse:*")
    return str(key).rpartition(":")[2]
