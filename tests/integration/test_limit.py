"""The shared rate on a real store, seen from one process; several processes are in test_limit_processes.py."""

from redis import Redis

from producers.lanes import Lane
from worker.limit import Limit, Refusal

TEMPLATE = "0000000"


def test_slots_are_spaced_by_the_rate_on_the_stores_clock(redis: Redis) -> None:
    limit = Limit(redis, rate=1000)
    slots = limit.acquire(Lane.OTP, TEMPLATE, [1] * 20, 5).slots
    assert len(slots) == 20
    assert {round(after.begins - before.begins) for before, after in zip(slots, slots[1:], strict=False)} <= {1015, 1016}


def test_a_slot_too_far_away_is_not_reserved(redis: Redis) -> None:
    limit = Limit(redis, rate=1)
    assert len(limit.acquire(Lane.OTP, TEMPLATE, [1, 1], 5).slots) == 1
    assert limit.acquire(Lane.OTP, TEMPLATE, [1], 0.0).refused is Refusal.LATE


def test_halted_means_nobody_until_somebody_resumes(redis: Redis) -> None:
    limit, other = Limit(redis, 100), Limit(redis, 100)
    limit.halt("A403")
    limit.halt("B403MQ")
    assert other.acquire(Lane.OTP, TEMPLATE, [1], 1).refused is Refusal.HALTED
    halted = other.halted()
    assert halted is not None
    assert halted.code == "A403"
    assert other.resume()
    assert not other.resume()
    assert limit.acquire(Lane.OTP, TEMPLATE, [1], 1).slots
