"""Each constant of the rate is defined once: changed in Python alone, it changes what every script does, and what Python expects.

A copy of a constant in a script, or a second one in Python, would make one of these fail.
"""

from dataclasses import replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Script
from smsrelay_worker.rate_limit import limiter as module
from smsrelay_worker.rate_limit.circuit import THRESHOLDS, CircuitBreaker
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.pacing import PACING
from smsrelay_worker.rate_limit.slot import Refusal
from tests.integration.rate_limit.test_limiter import gaps, store_micros, take
from tests.support.store_keys import KEYS

HOUR = 3_600_000_000  # microseconds


def test_the_margin_spaces_the_slots_and_is_given_back_to_a_template(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 1000, pacing=replace(PACING, margin=0.5))
    assert set(gaps(take(limiter, many=9).slots)) <= {1999, 2000, 2001}
    limiter.set_rate(10, "t")
    [slot] = take(limiter, template="t", patience=5).slots
    limiter.give_back("t", [(slot, 1)])
    assert int(redis.hget(KEYS.rate, "next:t") or 0) == pytest.approx(slot.begins - 20_000, abs=2)


def test_the_recovery_is_the_same_for_slots_for_the_next_throttling_and_for_who_looks_at_the_rate(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 1000, pacing=replace(PACING, recovery=1e7))
    redis.hset(KEYS.rate, mapping={"share": 0.5, "share_at": store_micros(redis) - HOUR})  # long recovered, by the usual one
    assert limiter.state().current == pytest.approx(500, abs=1)
    assert set(gaps(take(limiter, many=9).slots)) <= {2029, 2030, 2031}
    limiter.throttle(0)
    assert float(redis.hget(KEYS.rate, "share") or 0) == pytest.approx(0.25, abs=0.001)


def test_a_lane_is_marked_as_waiting_until_it_asks_again(redis: StoreRedis) -> None:
    patient = RateLimiter(redis, 1, pacing=replace(PACING, ask_again=2.0))
    redis.hset(KEYS.rate, "next", store_micros(redis) + 10_000_000)
    before = store_micros(redis)
    assert take(patient, Lane.NOTICE).refused is Refusal.LATE
    assert before + 2_015_000 <= int(redis.hget(KEYS.rate, "wants:notice") or 0) <= store_micros(redis) + 2_015_000


def test_a_floor_is_what_the_lane_shares_say(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 1000, pacing=replace(PACING, lanes=replace(PACING.lanes, floor=0.9)))
    redis.hset(KEYS.rate, "wants:otp", store_micros(redis) + 60_000_000)
    assert len(take(limiter, Lane.MARKETING, 20).slots) == 20


def test_a_lane_reserves_as_far_ahead_as_its_horizon(redis: StoreRedis) -> None:
    far = {**PACING.lanes.horizon, Lane.MARKETING: 0.2}
    limiter = RateLimiter(redis, 1000, pacing=replace(PACING, lanes=replace(PACING.lanes, horizon=far)))
    assert 190 <= len(take(limiter, Lane.MARKETING, 250).slots) <= 200
    assert take(limiter, Lane.NOTICE).refused is Refusal.LATE


def test_a_bulk_asks_again_when_the_lane_shares_say(redis: StoreRedis) -> None:
    lanes = replace(PACING.lanes, refill=-60.0)
    limiter = RateLimiter(redis, 1000, pacing=replace(PACING, ask_again=60.0, lanes=lanes))
    assert take(limiter, Lane.MARKETING).slots
    assert take(limiter, Lane.MARKETING, patience=0.02).refused is Refusal.LATE
    assert take(limiter, Lane.OTP).slots
    usual, later = (wait_of_a_bulk(redis, refill) for refill in (20_000, -80_000))
    assert later - usual == 100_000


def test_the_circuit_opens_and_is_tested_by_its_thresholds(redis: StoreRedis) -> None:
    thresholds = replace(THRESHOLDS, failures=3, first_probe=7.0, longest_probe=9.0)
    breaker = CircuitBreaker(redis, 300.0, thresholds=thresholds)
    breaker.record(answered=0, failed=2, probe_succeeded=None, probe_slot=None)
    assert not redis.exists(KEYS.circuit)
    breaker.record(answered=0, failed=3, probe_succeeded=None, probe_slot=None)
    assert redis.hget(KEYS.circuit, "wait") == "7000"
    breaker.record(answered=0, failed=1, probe_succeeded=False, probe_slot=None)
    assert redis.hget(KEYS.circuit, "wait") == "9000"


def test_answers_count_for_as_long_as_the_window(redis: StoreRedis) -> None:
    clock = [100.0]
    thresholds = replace(THRESHOLDS, window=1000)
    breaker = CircuitBreaker(redis, 300.0, thresholds=thresholds, monotonic=lambda: clock[0])
    breaker.record(answered=50, failed=0, probe_succeeded=None, probe_slot=None)
    clock[0] += 500
    breaker.record(answered=0, failed=30, probe_succeeded=None, probe_slot=None)
    assert not redis.exists(KEYS.circuit), "more were answered, within the window"
    assert 999_000 < redis.pttl(KEYS.answers) <= 1_001_000


def wait_of_a_bulk(redis: StoreRedis, refill: int) -> int:
    """µs until it is worth asking again, for a bulk that alone takes all that its lane may reserve."""
    redis.delete(KEYS.rate)
    script = Script(redis, module.__name__, "limiter.lua")
    fixed = ["1000", 0, "0.985", 20_000_000, 500_000, "0.06", refill]
    names = [KEYS.rate, KEYS.rates, KEYS.halted, KEYS.circuit]
    answer = script.run(names, [*fixed, Lane.MARKETING.value, "t", 40_000, ",".join(["1"] * 200)])
    return int(answer[4][0])
