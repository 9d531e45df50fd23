"""The shared rate on a real store, seen from one process; test_limiter_processes.py has several."""

import threading
from itertools import pairwise

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.slot import Grant, Refusal, Slot
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

TEMPLATE = "0000000"
HOUR = 3_600_000_000  # microseconds


def take(limiter: RateLimiter, lane: Lane = Lane.OTP, many: int = 1, patience: float = 0.0, template: str = TEMPLATE) -> Grant:
    return limiter.acquire(lane, template, [1] * many, patience)


def fill(limiter: RateLimiter, lane: Lane) -> int:
    """Take slots of a lane until none is left for it now; how many there were."""
    taken = 0
    while slots := take(limiter, lane, 20).slots:
        taken += len(slots)
    return taken


def gaps(slots: tuple[Slot, ...]) -> list[int]:
    return [round(after.begins - before.begins) for before, after in pairwise(slots)]


def test_slots_are_spaced_by_the_rate_on_the_stores_clock(redis: StoreRedis) -> None:
    slots = take(RateLimiter(redis, rate=1000), many=20).slots
    assert len(slots) == 20
    assert set(gaps(slots)) <= {1015, 1016}  # 1.5 % slower than the rate
    assert [after.at - before.at for before, after in pairwise(slots)] == pytest.approx([0.0010152] * 19, abs=5e-6)


def test_a_slot_too_far_away_is_not_reserved(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, rate=1)
    assert len(take(limiter, many=2).slots) == 1
    before = redis.hget(KEYS.rate, "next")
    assert take(limiter).refused is Refusal.LATE
    assert redis.hget(KEYS.rate, "next") == before


def test_a_message_of_three_segments_takes_three_slots_worth(redis: StoreRedis) -> None:
    slots = RateLimiter(redis, 1000).acquire(Lane.OTP, TEMPLATE, [1, 3, 1, 1], 0).slots
    one, three, again = gaps(slots)
    assert three == pytest.approx(3 * one, abs=3)
    assert again == pytest.approx(one, abs=1)


def test_bulk_leaves_room_in_front_of_it_for_a_code(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 0.1)
    assert fill(limiter, Lane.MARKETING) == 1
    redis.hset(KEYS.rate, "next", store_micros(redis) + 10**7)  # full, whatever the time
    assert take(limiter, Lane.MARKETING).refused is Refusal.LATE
    redis.hset(KEYS.rate, "next", store_micros(redis) + 42_500)  # further than marketing may look, and no further than otp
    assert take(limiter, Lane.OTP).slots


@pytest.mark.parametrize(("waits", "held"), [(Lane.OTP, [Lane.NOTICE, Lane.MARKETING]), (Lane.NOTICE, [Lane.MARKETING])])
def test_while_a_lane_waits_those_below_it_get_their_floor_alone(redis: StoreRedis, waits: Lane, held: list[Lane]) -> None:
    limiter = RateLimiter(redis, 1000)
    redis.hset(KEYS.rate, f"wants:{waits.value}", store_micros(redis) + 60_000_000)
    for lane in held:
        assert 1 <= len(take(limiter, lane, 20).slots) <= 8
    assert len(take(limiter, waits, 20).slots) == 20


def test_a_template_has_a_rate_of_its_own_inside_the_shared_one(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 1000)
    limiter.set_rate(0.1, "9")
    assert len(take(limiter, many=10, template="9").slots) == 1
    assert take(limiter, many=10, template="9").refused is Refusal.LATE
    assert len(take(limiter, many=10, template="8").slots) == 10
    assert limiter.state().templates == {"9": 0.1}
    limiter.set_rate(None, "9")
    assert len(take(limiter, many=10, template="9").slots) == 10


def test_a_rate_set_by_command_wins_over_the_environment_until_it_is_taken_back(redis: StoreRedis) -> None:
    limiter, other = RateLimiter(redis, 1000), RateLimiter(redis, 1000)
    limiter.set_rate(500)
    assert (other.state().configured, other.state().by_command) == (500, True)
    assert set(gaps(take(other, many=9).slots)) <= {2030, 2031}
    limiter.set_rate(None)
    assert (other.state().configured, other.state().by_command) == (1000, False)
    assert set(gaps(take(other, many=9).slots)) <= {1015, 1016}


def test_a_rate_that_was_raised_does_not_wait_for_the_slot_of_the_slow_one(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 0.01)
    assert len(take(limiter, many=2).slots) == 1
    assert take(limiter).refused is Refusal.LATE
    limiter.set_rate(100)
    assert take(limiter, patience=10).slots


@pytest.mark.parametrize("rate", [0, -1, 200_000, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(redis: StoreRedis, rate: float) -> None:
    with pytest.raises(ValueError, match="a rate is from"):
        RateLimiter(redis, 1).set_rate(rate)


def test_throttling_halves_the_rate_at_most_once_a_second_and_it_climbs_back(redis: StoreRedis) -> None:
    limiter, began = RateLimiter(redis, 1000), store_micros(redis)
    for _ in range(5):
        limiter.throttle(0)
    seconds = (store_micros(redis) - began) // 1_000_000  # 0, unless this machine stood still
    assert float(redis.hget(KEYS.rate, "share") or 0) >= 0.5 ** (seconds + 1)
    redis.hset(
        KEYS.rate, mapping={"share": 0.5, "share_at": store_micros(redis) + HOUR, "halved_at": 0}
    )  # an hour in which it does not climb
    limiter.throttle(0)
    assert float(redis.hget(KEYS.rate, "share") or 0) == 0.25
    redis.hset(KEYS.rate, "share_at", store_micros(redis) + HOUR)
    assert limiter.state().current == 250
    assert set(gaps(take(limiter, many=5).slots)) <= {4060, 4061}
    redis.hset(KEYS.rate, "share_at", store_micros(redis) - 10_000_000)
    assert 750 <= limiter.state().current < 1000
    redis.hset(KEYS.rate, "share_at", store_micros(redis) - 60_000_000)
    assert limiter.state().current == 1000
    assert set(gaps(take(limiter, many=5).slots)) <= {1015, 1016}


def test_however_often_the_vendor_throttles_one_a_second_is_left(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 20)
    for _ in range(12):
        limiter.throttle(0)
        redis.hset(KEYS.rate, "halved_at", 0)
    assert 1 <= limiter.state().current < 20
    assert take(limiter).slots


def test_retry_after_holds_everybody(redis: StoreRedis) -> None:
    limiter, other = RateLimiter(redis, 1000), RateLimiter(redis, 1000)
    limiter.throttle(30)
    assert take(other, patience=1).refused is Refusal.LATE
    assert other.state().paused_until is not None


def test_halted_means_nobody_until_somebody_resumes(redis: StoreRedis) -> None:
    limiter, other = RateLimiter(redis, 100), RateLimiter(redis, 100)
    limiter.halt("A403")
    limiter.halt("B403MQ")
    assert take(other).refused is Refusal.HALTED
    halted = other.halted()
    assert halted is not None
    assert halted.code == "A403"
    assert other.resume()
    assert not other.resume()
    assert take(limiter).slots


def test_an_attempt_from_before_the_resume_halts_nobody_unless_the_clock_was_set_back(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 100)
    limiter.halt("A403")
    limiter.resume()
    resumed = int(redis.get(KEYS.resumed) or 0)
    assert not limiter.halt("A403", resumed)
    assert limiter.halted() is None
    assert limiter.halt("A403", resumed + 1)
    limiter.resume()
    redis.set(KEYS.resumed, resumed + HOUR)
    assert limiter.halt("A403", resumed + 1)


def test_one_that_waits_notices_a_halt(redis: StoreRedis) -> None:
    limiter, came = RateLimiter(redis, 100), list[Grant]()
    limiter.throttle(100)
    waiting = threading.Thread(target=lambda: came.append(take(limiter, Lane.MARKETING, patience=1000)))
    waiting.start()
    RateLimiter(redis, 100).halt("A403")
    eventually(lambda: came, "the waiting one is told")
    waiting.join()
    assert came[0].refused is Refusal.HALTED


def test_one_submit_tests_whether_a_halted_vendor_is_back(redis: StoreRedis) -> None:
    limiter, other = RateLimiter(redis, 100, halt_probe=60), RateLimiter(redis, 100, halt_probe=60)
    limiter.halt("A403")
    assert take(limiter).refused is Refusal.HALTED
    due(redis, KEYS.halted)
    [slot] = take(limiter, many=5).slots
    assert slot.probe
    assert take(other, many=5).refused is Refusal.HALTED
    limiter.record_outcomes(answered=0, failed=0, probe_succeeded=False)
    assert take(other).refused is Refusal.HALTED
    due(redis, KEYS.halted)
    [again] = take(other).slots
    other.record_outcomes(answered=1, failed=0, probe_succeeded=True)
    assert again.probe
    assert not any(slot.probe for slot in take(limiter, many=3).slots)
    assert limiter.halted() is None


def test_without_probes_a_halt_lasts_until_somebody_resumes(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 100, halt_probe=0)
    limiter.halt("A403")
    redis.hset(KEYS.halted, "since", 1)
    assert take(limiter).refused is Refusal.HALTED


def test_a_wave_of_failures_in_all_processes_opens_the_circuit(redis: StoreRedis) -> None:
    limits = [RateLimiter(redis, 100) for _ in range(2)]
    for limiter in limits:
        limiter.record_outcomes(answered=0, failed=9)
    assert take(limits[0]).slots
    for limiter in limits:
        limiter.record_outcomes(answered=0, failed=20)
    assert [take(limiter).refused for limiter in limits] == [Refusal.CIRCUIT, Refusal.CIRCUIT]


def test_some_failures_among_many_answers_open_nothing_and_answers_alone_ask_nothing_of_the_store(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 100)
    before = redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    for _ in range(50):
        limiter.record_outcomes(answered=1, failed=0)
    assert redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"] == before
    limiter.record_outcomes(answered=0, failed=49)
    assert take(limiter).slots


def test_an_open_circuit_is_tested_after_five_seconds_then_every_ten_and_closes_on_an_answer(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 10_000)
    limiter.record_outcomes(answered=0, failed=20)
    waits = []
    for _ in range(5):
        waits.append(int(redis.hget(KEYS.circuit, "wait") or 0))
        due(redis, KEYS.circuit)
        assert [slot.probe for slot in take(limiter, many=3).slots] == [True]
        limiter.record_outcomes(answered=0, failed=1, probe_succeeded=False)
        assert take(limiter).refused is Refusal.CIRCUIT
    assert waits == [5000, 10_000, 10_000, 10_000, 10_000]
    due(redis, KEYS.circuit)
    assert take(limiter).slots[0].probe
    limiter.record_outcomes(answered=1, failed=0, probe_succeeded=True)
    assert limiter.state().circuit is None
    assert take(limiter).slots


def test_slots_that_nobody_uses_are_given_back_when_they_are_the_last_ones(redis: StoreRedis) -> None:
    limiter, other = RateLimiter(redis, 1), RateLimiter(redis, 1)
    [slot] = take(limiter).slots
    assert take(other).refused is Refusal.LATE
    limiter.give_back("t", [(slot, 1)])
    limiter.give_back("t", [(slot, 1)])
    limiter.give_back("t", [])
    [taken] = take(other).slots
    limiter.give_back("t", [(slot, 1)])  # somebody else's end now
    assert take(limiter).refused is Refusal.LATE
    assert taken.begins >= slot.begins


def test_a_slot_given_back_is_given_back_to_the_templates_own_rate_too(redis: StoreRedis) -> None:
    limiter = RateLimiter(redis, 1000)
    limiter.set_rate(0.1, "t")
    [slot] = take(limiter, template="t").slots
    assert take(limiter, template="t").refused is Refusal.LATE
    assert take(limiter, template="another").slots, "so that its slot is not the last one of all"
    limiter.give_back("t", [(slot, 1)])
    limiter.give_back("t", [(slot, 1)])  # as when the store's answer was lost
    assert take(limiter, template="t").slots
    assert take(limiter, template="t").refused is Refusal.LATE


def test_those_who_wait_are_told_when_the_store_is_away(closed_port: int) -> None:
    limiter = RateLimiter(open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0")), 100)
    failures: list[StoreUnavailable] = []

    def wait() -> None:
        try:
            take(limiter, patience=60)
        except StoreUnavailable as failure:
            failures.append(failure)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 8


def test_threads_of_one_process_get_different_slots(redis: StoreRedis) -> None:
    limiter, slots = RateLimiter(redis, 1000), list[Slot]()
    threads = [threading.Thread(target=lambda: slots.extend(take(limiter, patience=60).slots)) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begins = sorted(slot.begins for slot in slots)
    assert len(begins) == 64
    assert min(after - before for before, after in pairwise(begins)) >= 1015


def store_micros(redis: StoreRedis) -> int:
    seconds, micros = redis.time()
    return int(seconds) * 1_000_000 + int(micros)


def due(redis: StoreRedis, key: str) -> None:
    """Let the next probe be due."""
    redis.hset(key, "probe", 1)
