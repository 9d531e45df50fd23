"""When a parent gives a child up: by its own looks, whatever the clocks do."""

from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.processes.heartbeats import Pulse
from smsrelay_worker.processes.silence import LONGEST_LOOK, Patience, Silence

PATIENCE = Patience(frozen=30.0, stuck=90.0)
looks = st.lists(st.floats(0.0, 5.0), max_size=60)


def pulse(alive: int, turned: int) -> Pulse:
    return Pulse("sms.otp", alive, turned, consuming=True)


@given(looks)
def test_a_child_that_beats_and_turns_is_never_given_up(passed: list[float]) -> None:
    silence = Silence(pulse(1, 1))
    for number, seconds in enumerate(passed, 2):
        silence = silence.after(pulse(number, number), seconds)
        assert silence.too_long(PATIENCE) is None


@given(looks)
def test_a_frozen_child_is_given_up_exactly_when_the_looks_add_up(passed: list[float]) -> None:
    silence, total = Silence(pulse(1, 1)), 0.0
    for seconds in passed:
        silence, total = silence.after(pulse(1, 1), seconds), total + min(seconds, LONGEST_LOOK)
        assert (silence.too_long(PATIENCE) == "process") == (total >= PATIENCE.frozen)


@given(looks)
def test_a_loop_that_stands_still_in_a_living_process_is_given_up_later(passed: list[float]) -> None:
    silence, total = Silence(pulse(1, 1)), 0.0
    for number, seconds in enumerate(passed, 2):
        silence, total = silence.after(pulse(number, 1), seconds), total + min(seconds, LONGEST_LOOK)
        assert (silence.too_long(PATIENCE) == "consumer") == (total >= PATIENCE.stuck)


@given(st.floats(0.0, 1e9))
def test_however_long_the_whole_worker_stood_still_the_next_look_gives_nobody_up(asleep: float) -> None:
    assert Silence(pulse(1, 1)).after(pulse(1, 1), asleep).too_long(PATIENCE) is None
