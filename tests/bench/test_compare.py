"""Two checkouts are compared slice by slice with what stood beside it, so that a machine that slows down shows no difference."""

from tests.bench.compare import _ratios


def test_a_machine_that_slows_down_steadily_shows_no_difference() -> None:
    speeds = [100.0 - place for place in range(9)]
    assert _ratios(speeds[::2], speeds[1::2]).startswith("1.000 (quartiles 1.000–1.000")


def test_what_is_slower_by_a_tenth_shows_as_that() -> None:
    assert _ratios([100.0, 80.0, 60.0], [81.0, 63.0]).startswith("0.900")
