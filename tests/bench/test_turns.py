"""Turns: each slice is held against its neighbours, so that a machine that slows down slows neither side alone."""

import pytest

from tests.bench.turns import ratios


def test_a_slice_is_compared_with_the_mean_of_its_neighbours() -> None:
    assert ratios([100.0, 200.0, 100.0], [150.0, 75.0]) == [1.0, 0.5]


def test_a_machine_that_slows_down_evenly_changes_no_ratio() -> None:
    assert ratios([100.0, 80.0, 60.0], [90.0, 70.0]) == pytest.approx([1.0, 1.0])
