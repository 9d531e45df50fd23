"""Campaign: which job a row becomes, under which reference, and why a row is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.campaign.campaign import Campaign
from smsrelay.campaign.csv_reader import CsvRows
from smsrelay.campaign.header import NO_CHOICE, ColumnChoice, read_header
from smsrelay.campaign.row import Row
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection

KEY = b"0123456789abcdef"
NUMBER = "13800138000"


def campaign(
    header: str, name: str = "spring", key: bytes = KEY, choice: ColumnChoice = NO_CHOICE, **constants: object
) -> Campaign:
    columns = read_header(header.split(","), choice)
    return Campaign(name, columns, {"template": "0000000", "lane": "marketing"} | constants, key)


def job(header: str, *cells: str, name: str = "spring", key: bytes = KEY, **constants: object) -> SendJob:
    return campaign(header, name, key, **constants).job(Row(2, list(cells)))


def reasons(header: str, *cells: str) -> dict[str, str]:
    with pytest.raises(Rejection) as caught:
        job(header, *cells)
    return {problem.field: problem.reason for problem in caught.value.problems}


def test_a_row_brings_what_the_command_does_not() -> None:
    made = job("to,template,lane,p1,p2", NUMBER, "0012345", "notice", " 394021 ", "5", app="shop", expires_in=60)
    assert (made.to, made.template, made.lane) == ("+8613800138000", "0012345", Lane.NOTICE)
    assert (made.params, made.app, made.expires_in) == (("394021", "5"), "shop", 60)


def test_an_empty_cell_leaves_the_commands_own() -> None:
    made = job("to,template,lane", NUMBER, "", " ")
    assert (made.template, made.lane) == ("0000000", Lane.MARKETING)


def test_empty_parameters_at_the_end_are_none_and_in_the_middle_are_refused() -> None:
    assert job("to,p1,p2,p3", NUMBER, "a", "", "").params == ("a",)
    assert list(reasons("to,p1,p2", NUMBER, "", "b")) == ["p1"]


@pytest.mark.parametrize(
    ("cell", "params"), [('["394021", "5"]', ("394021", "5")), ("394021", ("394021",)), ("[]", ()), ("", ())]
)
def test_a_params_cell_is_a_json_list_or_one_value(cell: str, params: tuple[str, ...]) -> None:
    assert job("to,params", NUMBER, cell).params == params


@pytest.mark.parametrize("cell", ["[1]", "[", '["a", null]', "[" * 100_000])
def test_a_params_cell_that_is_no_list_of_texts_is_refused(cell: str) -> None:
    assert list(reasons("to,params", NUMBER, cell)) == ["params"]


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("to,p1", [NUMBER, "Hello", " world"], "cell 3 is not empty, and the header ends at column 2"),
        ("to", [NUMBER, "13800138001", "13800138002"], "cell 2 is not empty, and the header ends at column 1"),
        ("to,p1,", [NUMBER, "Hello", " world"], "cell 3 is not empty, and the header ends at column 2"),
        ("to,,p1", [NUMBER, "Hello", "world"], "cell 2 is not empty under a column without a name"),
        ("to,p1,p2", [NUMBER, "Hello", " world", ""], "has empty cells beyond the header"),
        ("to,p1,p2,reference", [NUMBER, "Hello", " world", "", ""], "has empty cells beyond the header"),
        ("to,p1", [NUMBER], "ends at cell 1, the header at column 2"),
        ("to,p1,p2", [NUMBER, "a"], "ends at cell 2, the header at column 3"),
    ],
)
def test_a_row_whose_cells_may_stand_under_other_columns_is_refused(header: str, cells: list[str], said: str) -> None:
    assert said in reasons(header, *cells)["row"]


def test_a_row_without_a_cell_of_a_column_that_is_left_out_is_refused_too_for_the_missing_one_may_be_another() -> None:
    with pytest.raises(Rejection, match="ends at cell 2, the header at column 3"):
        campaign("to,p1,note", choice=ColumnChoice(ignored=["note"])).job(Row(2, [NUMBER, "note"]))


@pytest.mark.parametrize("cells", [[NUMBER, "a", ""], [NUMBER, "a", " ", "\u200b", "\t"]])
def test_empty_cells_beyond_the_header_are_nothing(cells: list[str]) -> None:
    assert job("to,p1", *cells).params == ("a",)
    assert job("to,p1,,", *cells).params == ("a",)
    assert job("to,p1,p2", *cells, "").params == ("a",)
    assert job("template,to,p1", "7", *cells).params == ("a",)
    assert job("to,p1,p2,,", NUMBER, "a", "b", "", "").params == ("a", "b")


def test_a_column_without_a_name_is_left_out_when_the_command_says_so() -> None:
    made = campaign(",to,p1", choice=ColumnChoice(ignored=[""])).job(Row(2, ["0", NUMBER, "a"]))
    assert made.params == ("a",)


def test_a_quotation_mark_in_an_unquoted_cell_refuses_the_row_by_the_cells_place() -> None:
    with pytest.raises(Rejection, match="row: cell 2 holds a quotation mark without being quoted"):
        campaign("to,p1").job(Row(2, [NUMBER, '5" pipe'], stray=(1,)))


@pytest.mark.parametrize(
    ("note", "whole"),
    [
        ("a\n13800138001,Hi,b", False),
        ("a\r\n+86 138-0013-8001,Hi,b", False),
        ("Call, after six, at home\n2, or 3, maybe 4", True),
        ("a\n13800138001", True),
    ],
)
def test_a_cell_that_swallowed_the_next_row_refuses_its_own(note: str, whole: bool) -> None:
    row = Row(2, [NUMBER, "Hi", note], folded=True)
    made = campaign("to,p1,note", choice=ColumnChoice(ignored=["note"])).job_or_rejection(row)
    assert isinstance(made, SendJob) is whole
    assert whole or "rows of their own" in str(made)


@pytest.mark.parametrize(
    ("header", "cell", "field", "said"),
    [
        ("to,p1,p2", "739\u200b148", "p2", "U+200B ZERO WIDTH SPACE at character 4"),
        ("to,p1,template", "000\u200b0000", "template", "U+200B ZERO WIDTH SPACE at character 4, which is invisible"),
        ("to,p1,lane", "\ufeffnotice", "lane", "U+FEFF ZERO WIDTH NO-BREAK SPACE at character 1, which is invisible"),
        ("to,p1,reference", "r\u2060-7", "reference", "U+2060 WORD JOINER at character 2, which is invisible"),
        ("to,p1,reference", "#N/A", "reference", "“#N/A”, which means that there is no value"),
        ("to,p1,reference", "4.40213E+17", "reference", "scientific notation"),
        ("to,p1,p2", "Hello [world", "p2", "U+005B LEFT SQUARE BRACKET at character 7"),
        ("to,p1,p2", '="0012"', "p2", 'is a formula (="…")'),
        ("to,p1,reference", '="0012"', "reference", 'is a formula (="…")'),
        ("to,p1,p2", "x" * 501, "p2", "at most 500"),
    ],
)
def test_a_refused_cell_is_told_by_its_column_the_character_and_its_place(header: str, cell: str, field: str, said: str) -> None:
    found = reasons(header, NUMBER, "a", cell)
    assert list(found) == [field]
    assert said in found[field]
    assert cell == "#N/A" or cell not in found[field]


def test_a_params_cell_that_is_an_object_of_json_is_refused_and_not_sent_as_it_stands() -> None:
    assert "must be a JSON list" in reasons("to,params", NUMBER, '{"code": "394021"}')["params"]


def test_a_number_in_scientific_notation_is_refused_with_advice() -> None:
    assert "make the column text" in reasons("to", "1.38E+10")["to"]


@pytest.mark.parametrize(("cells", "field"), [(["1280013"], "to"), ([""], "to"), ([], "row")])
def test_a_wrong_row_is_refused_without_being_quoted(cells: list[str], field: str) -> None:
    found = reasons("to", *cells)
    assert list(found) == [field]
    assert "1280013" not in str(found)


def test_the_apps_own_reference_stands() -> None:
    assert job("to,reference", NUMBER, "r-4711").reference == "r-4711"


def test_the_same_row_has_the_same_reference_wherever_it_stands_and_however_its_number_is_written() -> None:
    first = job("to,p1", NUMBER, "a")
    assert first.reference == job("p1,reference,to", "a", "", "+86 138-0013-8000").reference
    assert first.reference == job("to,params", NUMBER, '["a"]', expires_in=60).reference


def test_another_campaign_content_app_or_key_is_another_reference() -> None:
    made = [
        job("to,p1", NUMBER, "a"),
        job("to,p1", NUMBER, "a", name="summer"),
        job("to,p1", NUMBER, "b"),
        job("to,p1", "13800138001", "a"),
        job("to,p1", NUMBER, "a", template="1"),
        job("to,p1", NUMBER, "a", lane="notice"),
        job("to,p1", NUMBER, "a", app="shop"),
        job("to,p1", NUMBER, "a", key=b"fedcba9876543210"),
    ]
    assert len({one.reference for one in made}) == len(made)


def test_no_number_and_no_parameter_stands_in_a_reference_or_a_repr() -> None:
    made = job("to,p1", NUMBER, "739148")
    assert NUMBER not in str(made.reference)
    assert "739148" not in str(made.reference)
    shown = repr(Row(2, [NUMBER])) + repr(campaign("to"))
    assert NUMBER not in shown
    assert KEY.decode() not in shown


QUOTED_CELL = re.compile(r'(^|[,;]) *"')  # as CSV has it; a file without any quoting has no text that reads so
numbers = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
texts = st.text("ab1 ,;\"'=\u200b张\u3000", max_size=12).filter(lambda text: not QUOTED_CELL.search(text))


@given(
    st.lists(st.tuples(numbers, texts), max_size=5),
    st.sampled_from([",", ";"]),
    st.sampled_from(["to{0}p1", "to{0}p1{0}", "to{0}p1{0}p2"]),
)
def test_of_a_file_that_was_written_without_any_quoting_only_whole_texts_are_sent(
    rows: list[tuple[str, str]], delimiter: str, header: str
) -> None:
    padding = f"{delimiter} \u3000\u200b"
    meant = {(f"+86{number}", text.strip().rstrip(padding)) for number, text in rows}
    end = header.format(delimiter)[5:].replace("p2", "")
    text = "".join(f"{number}{delimiter}{text}{end}\n" for number, text in rows)
    made = campaign(header.format(",").removesuffix(","))
    try:
        found = list(CsvRows(iter(text.splitlines(keepends=True)), delimiter))
    except Rejection:
        return
    jobs = [made.job_or_rejection(row) for row in found]
    sent = {(job.to, *job.params) for job in jobs if isinstance(job, SendJob)}
    assert {one if one[1:] else (*one, "") for one in sent} <= meant
