"""Formulas in a file for people: no spreadsheet runs a cell, and none is lost."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsrelay.campaign.spreadsheet_formula import neutralised, restored


@given(st.text(st.sampled_from("'=+-@\t\r\n a1＝\u200b\ufeff\u3000"), max_size=8))
@example("'=1")
@example("''+8613800138000")
def test_every_cell_comes_back_as_it_was(cell: str) -> None:
    assert restored(neutralised(cell)) == cell


@pytest.mark.parametrize(
    "cell", ["=1+1", "+8613800138000", "-1", "@SUM(A1)", "\t=1", "\r=1", "\na", " =1", "'=1", "＝1", "\u200b=1"]
)
def test_a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe(cell: str) -> None:
    assert neutralised(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "13800138000", "张三", "a=b", "'a", "5-3", " a"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert neutralised(cell) == restored(cell) == cell
