"""Parts of the traffic are halted and resumed, on a real store."""

import json

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.checks import Bar, Barred
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Decide, Records
from smsrelay.store.traffic.halts import Effect, HaltedPart, HaltKind, Halts, Unfinished
from smsrelay_worker.messages.barred import barred
from smsrelay_worker.messages.lifecycle import woken
from tests.support.messages import POLICY, changed, job, store_clock
from tests.support.store_keys import KEYS

OTP = "lane:otp"
SPRING = "campaign:shop/spring"


@pytest.fixture
def halts(redis: StoreRedis) -> Halts:
    return Halts(redis)


def holding(part: str) -> Decide:
    return lambda reading: barred(reading.record, Barred(Bar.HALTED, part), reading.now, POLICY)


def hold(store: Records, message_id: str, part: str) -> None:
    changed(store, message_id, holding(part))


def test_a_part_is_halted_once_and_resumed_once(halts: Halts) -> None:
    assert halts.halt(OTP) is Effect.DONE
    assert halts.halt(OTP) is Effect.UNCHANGED
    [part] = halts.all()
    assert (part.part, part.kind, part.held) == (OTP, HaltKind.HALTED, 0)
    assert halts.resume(OTP) is Effect.DONE
    assert halts.resume(OTP) is Effect.UNCHANGED
    assert halts.all() == []


def test_a_claim_says_which_halted_part_a_message_belongs_to(store: Records, door: Enqueuer, halts: Halts) -> None:
    halts.halt("app:default")
    message_id = door.enqueue(job()).message_id
    [reading] = store.claim([message_id])
    assert reading is not None
    assert reading.barred == Barred(Bar.HALTED, "app:default")
    halts.resume("app:default")
    [reading] = store.claim([message_id])
    assert reading is not None
    assert reading.barred is None


def test_what_is_held_is_counted_and_has_to_be_released_once_the_halt_is_over(
    store: Records, door: Enqueuer, halts: Halts
) -> None:
    halts.halt("lane:notice")
    for _ in range(3):
        hold(store, door.enqueue(job()).message_id, "lane:notice")
    assert [part.held for part in halts.all()] == [3]
    assert halts.unfinished() == {}
    halts.resume("lane:notice")
    assert halts.unfinished() == {"lane:notice": Unfinished.RELEASE}
    halts.halt("lane:notice")
    assert halts.unfinished() == {}


def test_a_wake_up_before_its_time_leaves_a_message_held(store: Records, door: Enqueuer, halts: Halts, redis: StoreRedis) -> None:
    halts.halt("lane:notice")
    message_id = door.enqueue(job()).message_id
    hold(store, message_id, "lane:notice")
    changed(store, message_id, lambda reading: woken(reading.record, POLICY, reading.now))
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.held == "lane:notice"
    assert redis.smembers(KEYS.held("lane:notice")) == {message_id}


def test_a_campaign_that_nobody_knows_is_not_paused(halts: Halts) -> None:
    assert halts.halt(SPRING, HaltKind.PAUSED) is Effect.NO_SUCH_CAMPAIGN
    assert halts.all() == []


def test_a_cancelled_campaign_stays_cancelled_until_it_is_forgotten(halts: Halts, door: Enqueuer, redis: StoreRedis) -> None:
    door.enqueue(job(Lane.MARKETING, app="shop", campaign="spring"))
    assert halts.halt(SPRING, HaltKind.PAUSED) is Effect.DONE
    assert halts.halt(SPRING, HaltKind.CANCELLED) is Effect.DONE
    assert halts.halt(SPRING, HaltKind.PAUSED) is Effect.CANCELLED
    assert halts.resume(SPRING) is Effect.CANCELLED
    [part] = halts.all()
    assert part.kind is HaltKind.CANCELLED
    forgotten = store_clock(redis) + redis.pttl(KEYS.campaign("shop/spring"))
    assert part.until == pytest.approx(forgotten, abs=1000)


def test_a_campaign_that_is_forgotten_takes_its_pause_with_it(halts: Halts, door: Enqueuer, redis: StoreRedis) -> None:
    door.enqueue(job(Lane.MARKETING, app="shop", campaign="spring"))
    halts.halt(SPRING, HaltKind.PAUSED)
    redis.zadd(KEYS.campaigns, {"shop/spring": store_clock(redis) - 42 * 86_400_000})
    halts.halt(OTP)
    assert [part.part for part in halts.all()] == [OTP]


def test_a_halt_that_is_over_by_itself_is_none(halts: Halts, redis: StoreRedis) -> None:
    now = store_clock(redis)
    redis.hset(
        KEYS.halts, "country:shop/44", json.dumps({"since": now, "kind": "fuse", "until": now - 1, "day": "20261128", "most": 9})
    )
    redis.hset(
        KEYS.halts, "country:shop/65", json.dumps({"since": now, "kind": "fuse", "until": now + 60_000, "day": "x", "most": 9})
    )
    assert [(part.part, part.kind) for part in halts.all()] == [("country:shop/65", HaltKind.FUSE)]
    assert halts.halt("country:shop/44") is Effect.DONE
    assert halts.resume("country:shop/65") is Effect.DONE


def test_an_entry_is_read_whatever_else_it_says() -> None:
    wire = '{"since":5,"kind":"halted","by":"somebody"}'
    assert HaltedPart.decode(OTP, wire, 10, held=2) == HaltedPart(OTP, HaltKind.HALTED, 5, None, 2)
    assert HaltedPart.decode(OTP, None, 10) is None
