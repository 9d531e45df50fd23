"""The header of a campaign's file: what spreadsheets call columns, and what is wrong with one."""

import pytest

from producers.bulk_header import ColumnChoice, read_header
from producers.rejection import Rejection


def refused(*cells: str) -> list[str]:
    with pytest.raises(Rejection) as caught:
        read_header(cells)
    return [str(problem) for problem in caught.value.problems]


def test_columns_are_found_wherever_they_stand() -> None:
    columns = read_header(["p2", "reference", "to", "p1", "lane", "template"])
    assert columns.places == {"reference": 1, "to": 2, "lane": 4, "template": 5}
    assert columns.parameters == (3, 0)
    assert columns.width == 6


def test_a_chinese_header_and_blanks_and_capitals_mean_the_same() -> None:
    columns = read_header([" 手机号", "模板ID ", "参数1", "参数2", "流水号", "通道"])
    assert columns == read_header(["TO", "Template", "P1", "param2", "Reference", "lane"])


def test_ten_parameters_stand_in_the_order_of_their_numbers() -> None:
    columns = read_header(["to", *(f"p{number}" for number in range(10, 0, -1))])
    assert columns.parameters == tuple(range(10, 0, -1))


def test_the_file_of_refused_rows_has_a_header_that_is_taken_again() -> None:
    assert read_header(["line", "refused because", "to"]).places == {"to": 2}


def test_an_unknown_column_is_refused_unless_it_is_left_out() -> None:
    [problem] = refused("to", "refrence")
    assert "column 2" in problem
    assert "refrence" in problem
    assert read_header(["to", "City"], ColumnChoice(ignored=["city"])).places == {"to": 0}


@pytest.mark.parametrize("cell", ["13800138000", "+8613800138000", "code 739148"])
def test_a_file_without_a_header_is_refused_and_its_first_row_not_quoted(cell: str) -> None:
    problems = refused(cell, "to")
    assert "must be a header" in problems[0]
    assert not any(cell in problem for problem in problems)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["template"], "no column to"),
        (["to", "手机"], "second column for to"),
        (["to", "p1", "p3"], "count up from 1"),
        (["to", "p1", "params"], "both params and p1"),
    ],
)
def test_what_is_missing_or_twice_is_said(cells: list[str], said: str) -> None:
    assert any(said in problem for problem in refused(*cells))
