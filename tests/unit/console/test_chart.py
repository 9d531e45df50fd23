"""Charts: within their drawing, with gaps where nothing is known."""

from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.console.chart import HEIGHT, WIDTH, bars, line


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=200))
def test_a_line_stays_in_its_drawing(values: list[float | None]) -> None:
    drawn = line(values)
    for points in drawn.pieces:
        for point in points.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


def test_a_line_has_a_gap_where_nothing_is_known() -> None:
    assert len(line([1, 2, None, 3, 4]).pieces) == 2
    assert line([]).pieces == []
    assert (line([1, 5, 2]).top, line([1, 5, 2]).last) == (5, 2)


@given(st.dictionaries(st.sampled_from(["delivered", "failed", "unknown"]), st.integers(0, 10**9)))
def test_bars_fill_the_whole_and_none_is_empty(counts: dict[str, int]) -> None:
    parts = bars(counts)
    assert [part.count for part in parts] == [count for count in counts.values() if count]
    assert abs(sum(part.width for part in parts) - (100 if parts else 0)) < 0.1
