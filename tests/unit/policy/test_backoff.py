"""Backoff: how long a message waits before it is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.policy.backoff import Backoff

seconds = st.floats(min_value=0, max_value=1e7)
shares = st.floats(min_value=0, max_value=1)
rolls = st.floats(min_value=0, max_value=1, exclude_max=True)
retries = st.integers(min_value=1, max_value=10**400)  # past what a float can count
backoffs = st.builds(Backoff, st.just("any"), seconds, st.floats(1, 100), seconds, shares)


def steady(factor: float = 3, cap: float = 60) -> Backoff:
    return Backoff("soon", base=5, factor=factor, cap=cap, jitter=0)


def test_each_delay_is_a_factor_longer_up_to_the_cap():
    assert [steady().delay(retry, 0.5) for retry in range(1, 6)] == [5, 15, 45, 60, 60]


def test_a_factor_of_one_keeps_the_delay_for_ever():
    assert steady(factor=1).delay(10**400, 0.5) == 5


@pytest.mark.parametrize("factor", [3, 3.0, 1.0000001])
def test_a_huge_retry_waits_for_the_cap(factor):
    assert steady(factor=factor).delay(10**400, 0.5) == 60


def test_jitter_spreads_the_delay_both_ways():
    backoff = Backoff("soon", base=100, factor=1, cap=100, jitter=0.2)
    assert backoff.delay(1, 0) == pytest.approx(80)
    assert backoff.delay(1, 0.5) == pytest.approx(100)
    assert backoff.delay(1, 0.999999) == pytest.approx(120, rel=1e-4)


@pytest.mark.parametrize("retry", [0, -1])
def test_a_retry_below_one_is_a_programming_error(retry):
    with pytest.raises(ValueError, match="counts from 1"):
        steady().delay(retry, 0.5)


@given(backoffs, retries, rolls)
def test_a_delay_is_never_negative_and_never_past_the_cap_and_its_jitter(backoff, retry, roll):
    assert 0 <= backoff.delay(retry, roll) <= backoff.cap * (1 + backoff.jitter)


@given(backoffs, retries, rolls)
def test_a_delay_stays_within_its_share_of_the_planned_one(backoff, retry, roll):
    planned = backoff.delay(retry, 0.5)
    assert abs(backoff.delay(retry, roll) - planned) <= planned * backoff.jitter * (1 + 1e-9) + 1e-9


@given(seconds, st.floats(1, 100), seconds, retries, retries)
def test_without_jitter_a_later_retry_never_waits_less(base, factor, cap, one, other):
    backoff = Backoff("any", base, factor, cap, 0)
    assert backoff.delay(min(one, other), 0) <= backoff.delay(max(one, other), 0)
