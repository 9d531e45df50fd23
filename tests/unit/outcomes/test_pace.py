from itertools import groupby
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.outcomes.answer import Answer, Verdict, failed
from smsrelay_worker.outcomes.pace import Pace

TAKEN, FAILED, GONE = Answer(Verdict.TAKEN, "200"), failed("500"), Answer(Verdict.GONE, "410")
FULL, CONNECTIONS = 32, 8


def after(*answers: Answer, now: float = 0.0) -> Pace:
    pace = Pace(FULL)
    for answer in answers:
        pace = pace.after(answer, now)
    return pace


def test_a_failure_among_successes_changes_nothing() -> None:
    assert after(TAKEN, FAILED, FAILED, TAKEN, FAILED).room(0.0) == FULL


def test_a_sink_that_fails_three_times_in_a_row_gets_one_delivery_at_a_time() -> None:
    pace = after(FAILED, FAILED, FAILED)
    assert pace.room(0.0) == 0
    assert pace.room(1.0) == 1


def test_a_sink_that_stays_dead_costs_one_delivery_a_minute() -> None:
    pace, now = after(FAILED, FAILED, FAILED), 0.0
    for _ in range(2000):
        now = pace.closed_until
        pace = pace.after(FAILED, now)
    assert pace.room(now + 59.9) == 0
    assert pace.room(now + 60.0) == 1


def test_calls_that_fail_side_by_side_pause_it_no_longer_than_the_third_of_them() -> None:
    assert after(*[FAILED] * FULL).room(1.0) == 1


def test_each_failure_after_a_pause_doubles_it() -> None:
    pace = after(*[FAILED] * 8).after(FAILED, 1.0).after(FAILED, 3.0)
    assert (pace.room(6.9), pace.room(7.0)) == (0, 1)


def test_one_success_opens_it_again() -> None:
    assert after(*[FAILED] * 9, TAKEN).room(0.0) == FULL


def test_a_sink_that_asks_for_a_pause_gets_it() -> None:
    pace = after(Answer(Verdict.SLOW_DOWN, "429", 30.0))
    assert (pace.room(29.9), pace.room(30.0)) == (0, FULL)
    assert after(Answer(Verdict.SLOW_DOWN, "429")).room(0.5) == 0


def test_a_pause_that_a_sink_asks_for_outlasts_what_it_took_side_by_side() -> None:
    pace = after(TAKEN, Answer(Verdict.SLOW_DOWN, "429", 30.0), TAKEN)
    assert (pace.room(29.9), pace.room(30.0)) == (0, FULL)


def test_a_sink_that_wants_no_more_gets_no_more() -> None:
    assert after(GONE).room(59.0) == 0


def test_an_operator_reopens_a_sink_at_once() -> None:
    assert after(*[FAILED] * 9, Answer(Verdict.SLOW_DOWN, "429", 30.0)).reopened().room(0.0) == FULL


_answers = st.sampled_from([TAKEN, FAILED, GONE, Answer(Verdict.SLOW_DOWN, "429", 86_400.0), Answer(Verdict.SLOW_DOWN, "429")])


@given(st.lists(_answers, max_size=50))
def test_no_sequence_of_answers_closes_a_sink_for_more_than_an_hour(answers: list[Answer]) -> None:
    assert after(*answers).room(3600.0) >= 1


@given(st.lists(st.booleans(), max_size=200))
def test_a_sink_that_takes_one_of_every_so_many_is_never_paused(taken: list[bool]) -> None:
    pace, longest = Pace(FULL, CONNECTIONS), 0
    for answered in taken:
        pace = pace.after(TAKEN if answered else FAILED, 0.0)
        longest = 0 if answered else longest + 1
        assert (pace.room(0.0) == FULL) is (longest < CONNECTIONS)


def test_an_endpoint_that_fails_three_calls_in_ten_is_hardly_ever_paused() -> None:
    random, pace, pauses = Random(1), Pace(FULL, CONNECTIONS), 0
    for number in range(10_000):
        pace = pace.after(FAILED if random.random() < 0.3 else TAKEN, float(number))
        pauses += pace.room(float(number)) == 0
    assert pauses < 10


@given(st.lists(st.floats(0.0, 15.0), min_size=1, max_size=200), st.integers(3, CONNECTIONS))
def test_a_dead_endpoint_gets_one_delivery_after_each_pause_whatever_each_takes(lasting: list[float], tolerated: int) -> None:
    pace, now, rooms = Pace(FULL, tolerated), 0.0, []
    for seconds in lasting:
        now = max(now, pace.closed_until)
        rooms.append(pace.room(now))
        now += seconds
        pace = pace.after(FAILED, now)
    assert [(room, len(list(run))) for room, run in groupby(rooms)] == [
        (room, times) for room, times in ((FULL, min(tolerated, len(rooms))), (1, len(rooms) - tolerated)) if times > 0
    ]
