"""What is sent after a write, and what its answers mean."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.store.barrier import NO_BARRIER, Barrier


def test_without_replicas_nothing_is_sent_and_every_write_counts() -> None:
    assert NO_BARRIER.commands() == ()
    assert NO_BARRIER.shortfall([]) is None


def test_a_write_that_changes_nothing_goes_before_the_wait() -> None:
    assert Barrier("k", 2, 700).commands() == (("HINCRBY", "k", "touched", 0), ("WAIT", 2, 700))


def test_behind_what_always_writes_goes_the_wait_alone() -> None:
    assert Barrier(None, 2, 700).commands() == (("WAIT", 2, 700),)


@given(st.integers(1, 10_000), st.floats(0, 100))
def test_the_wait_ends_before_the_caller_gives_up_and_never_lasts_for_ever(wait: int, left: float) -> None:
    _, (_, _, waits) = Barrier("k", 1, wait).commands(left)
    assert 1 <= waits <= max(1, min(wait, 1000 * left))


@pytest.mark.parametrize(
    ("kept", "wanted", "says"), [(0, 1, "kept by 0 of 1"), (1, 2, "kept by 1 of 2"), (1, 1, None), (2, 1, None)]
)
def test_a_write_counts_once_enough_replicas_have_it(kept: int, wanted: int, says: str | None) -> None:
    shortfall = Barrier("k", wanted, 700).shortfall([0, kept])
    assert shortfall == (f"{says} replicas in time" if says else None)
