import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.rate_limit.clock_sync import ClockSync

OFFSET = -1_700_000_000.0  # true: monotonic = store's seconds + OFFSET
TRIP = st.floats(0.0001, 0.5)


@given(st.lists(st.tuples(TRIP, TRIP, st.floats(0, 3)), min_size=1, max_size=40))
def test_an_instant_is_never_early_and_late_by_no_more_than_the_quickest_answer(trips: list[tuple[float, float, float]]) -> None:
    clock, now = ClockSync(), 1_000.0
    recent: list[tuple[float, float]] = []
    for there, back, later in trips:
        now += later
        clock.observe(now, now + there + back, (now + there - OFFSET) * 1e6)
        now += there + back
        recent.append((now, back))
        late = clock.at((now - OFFSET) * 1e6) - now
        quickest = min(way for at, way in recent if now - at < 5)
        assert -1e-5 <= late <= quickest + 1e-5


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_store_whose_clock_was_set_is_believed_at_once(jump: float) -> None:
    clock = ClockSync()
    clock.observe(10.0, 10.002, 5_000_000.0)
    clock.observe(11.0, 11.002, (6.0 + 7200 + jump) * 1e6)
    assert 11.0 <= clock.at((6.0 + 7200 + jump) * 1e6) <= 11.00201


def test_an_unknown_clock_is_said_to_be_unknown() -> None:
    with pytest.raises(LookupError):
        ClockSync().at(1.0)
