"""The arithmetic under the benchmark's table."""

import pytest

from tests.bench.figures import SECOND, busiest_second, median, percentile, ratios, spread, steady_rate, within


def test_the_busiest_second_may_begin_anywhere() -> None:
    instants = [int(at * SECOND) for at in (0.0, 0.9, 1.0, 1.1, 1.8, 2.5)]
    assert busiest_second(instants) == 4  # 0.9 to 1.8; whole seconds of the clock hold 3 at most


def test_a_second_does_not_hold_its_own_end() -> None:
    assert busiest_second([0, SECOND]) == 1
    assert busiest_second([0, SECOND - 1]) == 2


def test_order_does_not_matter_and_nothing_has_no_busy_second() -> None:
    assert busiest_second([3 * SECOND, 0, 1, 2]) == 3
    assert busiest_second([]) == 0


def test_a_regular_stream_never_exceeds_its_rate() -> None:
    assert busiest_second(range(0, 10 * SECOND, SECOND // 100)) == 100


def test_the_steady_rate_leaves_out_start_and_end() -> None:
    slow_start, middle = [0, SECOND], [10 * SECOND + place * SECOND // 100 for place in range(16)]
    slow_end = [30 * SECOND, 40 * SECOND]
    assert steady_rate([*slow_start, *middle, *slow_end]) == pytest.approx(100)


def test_two_arrivals_at_once_make_no_rate() -> None:
    with pytest.raises(ValueError, match="make no rate"):
        steady_rate([5, 5])


def test_percentiles_are_samples() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert (percentile(samples, 0.5), percentile(samples, 0.99), percentile(samples, 1.0)) == (50, 99, 100)
    assert percentile([7.0], 0.99) == 7


def test_median_and_spread() -> None:
    assert median([5, 1, 3]) == 3
    assert median([1, 2, 3, 10]) == 2.5
    assert spread([5, 1, 3]) == (1, 5)
    with pytest.raises(ValueError, match="no samples"):
        median([])


def test_ratios_are_taken_run_by_run() -> None:
    assert ratios([300, 100], [100, 50]) == [3, 2]


def test_a_span_does_not_hold_its_end() -> None:
    assert within([1, 2, 3, 4], 2, 4) == 2
