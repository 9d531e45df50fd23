from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.lanes import Lane
from smsrelay_worker.rate_limit.waiters import AT_MOST, Waiter, Waiters


def waiter(lane: Lane = Lane.NOTICE, template: str = "1", costs: tuple[int, ...] = (1,)) -> Waiter:
    return Waiter(lane, template, costs, until=100.0)


def line_of(*waiters: Waiter) -> Waiters:
    line = Waiters(ask_again=0.5)
    for one in waiters:
        line.join(one)
    return line


@given(st.lists(st.tuples(st.sampled_from(list(Lane)), st.sampled_from("123")), max_size=30))
def test_one_question_holds_all_wants_the_most_urgent_lane_first(places: list[tuple[Lane, str]]) -> None:
    waiters = [waiter(lane, template) for lane, template in places]
    asks = line_of(*waiters).asks(0.0)
    assert [list(Lane).index(ask.lane) for ask in asks] == sorted(list(Lane).index(ask.lane) for ask in asks)
    assert {id(one) for ask in asks for one in ask.waiters} == {id(one) for one in waiters}
    for ask in asks:  # first come, first served
        assert list(ask.waiters) == [one for one in waiters if (one.lane, one.template) == (ask.lane, ask.template)]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=9))
def test_a_question_asks_for_no_more_than_the_most(chunks: list[int]) -> None:
    asks = line_of(*(waiter(template=str(number), costs=(1,) * size) for number, size in enumerate(chunks))).asks(0.0)
    assert sum(len(ask.costs) for ask in asks) == min(AT_MOST, sum(chunks))


def test_a_lane_that_was_told_to_wait_is_not_asked_for_and_another_is() -> None:
    line = line_of(waiter(Lane.MARKETING), waiter(Lane.OTP))
    line.hold(Lane.MARKETING, None, until=10.3, now=10.0)
    assert [ask.lane for ask in line.asks(10.1)] == [Lane.OTP]
    assert [ask.lane for ask in line.asks(10.3)] == [Lane.OTP, Lane.MARKETING]


def test_a_template_that_was_told_to_wait_holds_no_other() -> None:
    line = line_of(waiter(template="slow"), waiter(template="other"))
    line.hold(Lane.NOTICE, "slow", until=10.3, now=10.0)
    assert [ask.template for ask in line.asks(10.0)] == ["other"]


def test_nobody_is_told_to_wait_longer_than_half_a_second() -> None:
    line = line_of(waiter())
    line.hold(Lane.NOTICE, None, until=500.0, now=10.0)
    assert line.due() == 10.5


def test_who_left_is_not_asked_for() -> None:
    gone, left = waiter(), waiter()
    line = line_of(gone, left)
    line.leave(gone)
    line.leave(gone)
    assert [ask.waiters for ask in line.asks(0.0)] == [(left,)]
    assert list(line.all()) == [left]
