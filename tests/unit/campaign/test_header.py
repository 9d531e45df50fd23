"""The header of a campaign's file: what spreadsheets call columns, and what is wrong with one."""

import pytest

from smsrelay.campaign.header import ColumnChoice, read_header
from smsrelay.contract.rejection import Rejection


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


def test_a_column_that_the_command_names_is_what_it_says_and_no_other_is() -> None:
    choice = ColumnChoice({"to": "Mobile Phone", "p1": "First Name"}, others_ignored=True)
    columns = read_header(["First Name", "Phone", "Mobile Phone", "Notes", "lane"], choice)
    assert (columns.places, columns.parameters, columns.width) == ({"to": 2, "lane": 4}, (0,), 5)


def test_a_column_may_be_named_twice() -> None:
    columns = read_header(["Mobile"], ColumnChoice({"to": "mobile", "p1": "MOBILE"}))
    assert (columns.places, columns.parameters) == ({"to": 0}, (0,))


@pytest.mark.parametrize(
    ("cells", "said"),
    [(["Phone", "Name"], "--column to: the file has no column"), (["Mobile", "mobile "], "the file has 2 columns")],
)
def test_a_column_that_the_command_names_stands_in_the_file_once(cells: list[str], said: str) -> None:
    with pytest.raises(Rejection, match=said):
        read_header(cells, ColumnChoice({"to": "Mobile"}, others_ignored=True))


def test_two_columns_of_one_meaning_are_refused_even_if_others_are_left_out() -> None:
    with pytest.raises(Rejection, match="column 2: is a second column for to"):
        read_header(["Phone", "Mobile", "Notes"], ColumnChoice(others_ignored=True))


def test_a_column_is_left_out_by_its_own_name_and_not_by_its_meaning() -> None:
    assert read_header(["to", "Phone"], ColumnChoice(ignored=["phone"])).places == {"to": 0}


def test_what_nobody_sees_in_a_name_is_no_part_of_it() -> None:
    assert read_header(["\ufeff手机号\u200b", "p1"]).places == {"to": 0}


def test_columns_without_a_name_are_known_by_their_places() -> None:
    columns = read_header(["", "to", "\u200b", "p1", "", " "])
    assert (columns.width, columns.unnamed) == (4, (0, 2))


def test_very_many_unknown_columns_are_not_all_told() -> None:
    problems = refused("to", *(f"column {letter}" for letter in "abcdefghijklmnopqrstuvwxyz"))
    assert len(problems) == 11
    assert problems[-1] == "header: 16 more columns are unknown"


@pytest.mark.parametrize("cell", ["13800138000", "+8613800138000", "code 739148"])
def test_a_file_without_a_header_is_refused_and_its_first_row_not_quoted(cell: str) -> None:
    problems = refused(cell, "to")
    assert "must be a header, and this name is not a known column" in problems[0]
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
