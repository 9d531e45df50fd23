"""Fuses in a real store: which one blows, for whom, until when, and how it is resumed."""

import json
from threading import Thread

import pytest

from smsrelay.messages.checks import FuseCheck
from smsrelay.store.connection import StoreRedis
from smsrelay.store.traffic.halts import Effect, Halts
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.traffic.pumping import examine_fuses
from smsrelay_worker.store.fuses import Blow, BlownFuse, Fuses
from tests.support.store_keys import KEYS

PART = "country:shop/92"
TOMORROW, SECOND_DAY = 86_400_000, 2 * 86_400_000


@pytest.fixture
def fuses(redis: StoreRedis) -> Fuses:
    return Fuses(redis)


@pytest.fixture
def now(redis: StoreRedis) -> int:
    seconds, micros = redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


def check(until: int, day: str = "20261128") -> FuseCheck:
    return FuseCheck(day, "shop", "92", 3, until)


def sent(redis: StoreRedis, count: int, day: str = "20261128") -> None:
    redis.hset(KEYS.fuse(day), mapping={"shop/92": count, "shop/86": 9, "bank/92": 9})


def resumed(redis: StoreRedis) -> bool:
    return Halts(redis).resume(PART) is Effect.DONE


def test_a_fuse_that_is_reached_halts_one_country_of_one_app_until_the_day_ends(
    redis: StoreRedis, fuses: Fuses, now: int
) -> None:
    sent(redis, 3)
    assert fuses.blow(check(now + TOMORROW)) is Blow.BLOWN
    [blown] = fuses.blown()
    assert blown == BlownFuse("shop", "92", blown.since, now + TOMORROW, 3)
    assert now <= blown.since < now + 60_000
    assert set(redis.hgetall(KEYS.halts)) == {PART}


def test_of_all_workers_one_is_told_that_it_has_blown(redis: StoreRedis, fuses: Fuses, now: int) -> None:
    sent(redis, 3)
    told: list[Blow] = []
    workers = [Thread(target=lambda: told.append(fuses.blow(check(now + TOMORROW)))) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(told) == [Blow.HALTED] * 7 + [Blow.BLOWN]


def test_a_resumed_fuse_allows_as_many_again_and_does_not_blow_for_a_worker_that_comes_late(
    redis: StoreRedis, fuses: Fuses, now: int
) -> None:
    sent(redis, 3)
    fuses.blow(check(now + TOMORROW))
    assert resumed(redis)
    assert fuses.blow(check(now + TOMORROW)) is Blow.BELOW
    assert (fuses.blown(), redis.exists(KEYS.halts)) == ((), 0)
    assert redis.hgetall(KEYS.fuse("20261128")) == {"shop/86": "9", "bank/92": "9"}
    sent(redis, 3)
    assert fuses.blow(check(now + TOMORROW)) is Blow.BLOWN


def test_to_resume_what_no_fuse_has_stopped_changes_no_count(redis: StoreRedis, fuses: Fuses) -> None:
    sent(redis, 2)
    assert not resumed(redis)
    assert redis.hget(KEYS.fuse("20261128"), "shop/92") == "2"


def test_the_end_of_the_day_ends_it_and_the_next_day_can_blow_again(redis: StoreRedis, fuses: Fuses, now: int) -> None:
    sent(redis, 3)
    fuses.blow(check(now - 1))
    assert fuses.blown() == ()
    sent(redis, 3, "20261129")
    assert fuses.blow(check(now + SECOND_DAY, "20261129")) is Blow.BLOWN
    assert [one.until for one in fuses.blown()] == [now + SECOND_DAY]


def test_an_operators_halt_stays_what_it_is(redis: StoreRedis, fuses: Fuses, now: int) -> None:
    halt = json.dumps({"since": now, "kind": "halted"})
    redis.hset(KEYS.halts, mapping={PART: halt, "lane:otp": halt})
    sent(redis, 3)
    assert fuses.blow(check(now + TOMORROW)) is Blow.HALTED
    assert fuses.blown() == ()
    assert redis.hget(KEYS.halts, PART) == halt
    assert resumed(redis)
    assert redis.hget(KEYS.fuse("20261128"), "shop/92") == "3"  # still over its fuse


def test_the_doctor_says_which_app_and_country_and_how_to_go_on(redis: StoreRedis, fuses: Fuses, now: int) -> None:
    assert examine_fuses(redis) == []
    sent(redis, 3)
    fuses.blow(check(now + TOMORROW))
    [finding] = examine_fuses(redis)
    assert (finding.severity, finding.check) == (Severity.ERROR, "fuse")
    assert finding.problem.startswith("app shop has sent 3 messages to +92")
    assert "`smsrelay resume --country 92 --app shop`" in finding.remedy
