from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.rate_limit.outcome_counts import OutcomeCounts


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0, 5)), max_size=50))
def test_the_store_hears_nothing_while_nothing_fails(answers: list[tuple[int, float]]) -> None:
    outcomes, now = OutcomeCounts(window=10, enough=20), 0.0
    for count, later in answers:
        now += later
        assert outcomes.add(count, 0, now) is None


def test_a_failure_is_told_with_the_answers_of_the_last_ten_seconds() -> None:
    outcomes = OutcomeCounts(window=10, enough=20)
    outcomes.add(100, 0, 0.0)
    outcomes.add(7, 0, 15.0)
    outcomes.add(2, 0, 16.0)
    assert outcomes.add(0, 1, 20.0) == (9, 1)
    assert outcomes.add(0, 1, 21.0) == (0, 1)


def test_failures_are_gathered_for_a_fifth_of_a_second_but_many_are_told_at_once() -> None:
    outcomes = OutcomeCounts(window=10, enough=20)
    assert outcomes.add(0, 1, 10.0) == (0, 1)
    assert outcomes.add(3, 1, 10.1) is None
    assert outcomes.add(0, 1, 10.25) == (3, 2)
    assert outcomes.add(0, 20, 10.26) == (0, 20)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 0.4)), max_size=60))
def test_no_failure_is_told_twice_or_forgotten(steps: list[tuple[int, int, float]]) -> None:
    outcomes, now, told = OutcomeCounts(window=10, enough=20), 0.0, 0
    for answered, failed, later in steps:
        now += later
        told += (outcomes.add(answered, failed, now) or (0, 0))[1]
    told += (outcomes.add(0, 1, now + 1) or (0, 0))[1]
    assert told == sum(failed for _, failed, _ in steps) + 1
