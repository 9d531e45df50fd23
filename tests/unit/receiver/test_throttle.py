"""So many a second and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.receiver.throttle import Throttle


@given(st.lists(st.floats(0, 20), min_size=1, max_size=300).map(sorted), st.integers(1, 20))
def test_no_second_of_the_clock_has_more_than_allowed_and_none_is_refused_before(instants: list[float], allowed: int) -> None:
    now = iter(instants)
    throttle = Throttle(allowed, lambda: next(now))
    taken = [throttle.allow() for _ in instants]
    for second in range(21):
        of_it = [one for one, at in zip(taken, instants, strict=True) if at // 1 == second]
        assert sum(of_it) == min(len(of_it), allowed)


@pytest.mark.parametrize("allowed", [1, 5])
def test_what_is_not_used_is_not_saved_for_later(allowed: int) -> None:
    now = iter([0.0] + [9.0] * 10)
    throttle = Throttle(allowed, lambda: next(now))
    assert sum(throttle.allow() for _ in range(11)) <= 1 + allowed
