"""What the table says of samples and targets, and where it is put."""

import math
from dataclasses import replace

import pytest

from tests.bench.result import Figure, Target
from tests.bench.table import replaced, table

FASTER = Figure("submits", "/s", [300, 330, 360], [100, 100, 100], Target("ratio", least=3))


def test_a_row_shows_both_sides_their_spread_and_the_ratio() -> None:
    row = "| submits | 330/s (300–360) | 100/s (100–100) | 3.30 × (3.00–3.60) | ≥ 3 × | yes |"
    assert row in table({"machine": "this"}, {"submit": [FASTER]})


def test_a_limit_is_broken_by_its_worst_run() -> None:
    limit = Target("value", most=103, every_run=True)
    assert Figure("busiest second", "", [100, 101, 103], target=limit).reached
    assert Figure("busiest second", "", [100, 101, 104], target=limit).reached is False
    assert Figure("p99", "ms", [100, 101, 104], target=Target("value", most=103)).reached


def test_a_figure_without_a_target_reached_nothing() -> None:
    assert Figure("bytes", "B", [5]).reached is None


def test_a_row_of_another_time_says_so() -> None:
    row = [replace(FASTER, when="yesterday")]
    assert "Row `submit` was measured at another time: yesterday." in table({"when": "today"}, {"submit": row})
    assert "another time" not in table({"when": "yesterday"}, {"submit": row})


def test_what_never_came_is_told_so() -> None:
    assert "| never |" in table({}, {"otp": [Figure("otp", "ms", [math.inf])]})


def test_figures_survive_being_kept() -> None:
    assert Figure.decode(FASTER.encode()) == FASTER


def test_the_table_is_put_between_its_markers_only() -> None:
    assert replaced("a <!-- bench -->\nold\n<!-- /bench --> b", "bench", "new") == "a <!-- bench -->\nnew\n<!-- /bench --> b"
    with pytest.raises(ValueError, match="no markers"):
        replaced("a", "bench", "new")
