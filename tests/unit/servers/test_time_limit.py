"""time_limit: one limit for all waits of a call, and none after it."""

import threading

import pytest

from smsrelay.servers.time_limit import time_left, time_limit

USUAL = 20.0


def test_without_a_limit_a_wait_takes_as_long_as_usual() -> None:
    assert time_left(USUAL) == USUAL
    assert time_left(None) is None


def test_a_limit_shortens_or_lengthens_what_is_usual() -> None:
    with time_limit(1.0):
        assert 0.5 < (time_left(USUAL) or 0) <= 1.0
        assert 0.5 < (time_left(0.1) or 0) <= 1.0


def test_waits_share_the_limit() -> None:
    with time_limit(1.0):
        first, second = time_left(USUAL), time_left(USUAL)
    assert first is not None
    assert second is not None
    assert second <= first


def test_a_limit_that_is_over_leaves_a_moment_and_not_nothing() -> None:
    with time_limit(0.0):
        assert 0 < (time_left(USUAL) or 0) <= 0.001


def test_inside_another_limit_the_outer_one_stays_in_force() -> None:
    with time_limit(1.0):
        with time_limit(60.0):
            assert (time_left(USUAL) or 0) <= 1.0
        assert (time_left(USUAL) or 0) <= 1.0
    assert time_left(USUAL) == USUAL


def test_no_limit_inside_none_is_none() -> None:
    with time_limit(None):
        assert time_left(USUAL) == USUAL


def test_a_limit_ends_with_an_exception_too() -> None:
    with pytest.raises(ZeroDivisionError), time_limit(1.0):
        _ = 1 / 0
    assert time_left(USUAL) == USUAL


def test_other_threads_have_limits_of_their_own() -> None:
    seen: list[float | None] = []
    with time_limit(1.0):
        thread = threading.Thread(target=lambda: seen.append(time_left(USUAL)))
        thread.start()
        thread.join()
    assert seen == [USUAL]
