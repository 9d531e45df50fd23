"""Campaign: which job a row becomes, under which reference, and why a row is refused."""

import pytest

from producers.bulk import Campaign
from producers.bulk_header import read_header
from producers.bulk_row import Row
from producers.job import SendJob
from producers.lanes import Lane
from producers.rejection import Rejection

SECRET = b"0123456789abcdef"
NUMBER = "13800138000"


def campaign(header: str, name: str = "spring", secret: bytes = SECRET, **constants: object) -> Campaign:
    return Campaign(name, read_header(header.split(",")), {"template": "0000000", "lane": "marketing"} | constants, secret)


def job(header: str, *cells: str, name: str = "spring", secret: bytes = SECRET, **constants: object) -> SendJob:
    return campaign(header, name, secret, **constants).job(Row(2, list(cells)))


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


def test_another_campaign_content_app_or_secret_is_another_reference() -> None:
    made = [
        job("to,p1", NUMBER, "a"),
        job("to,p1", NUMBER, "a", name="summer"),
        job("to,p1", NUMBER, "b"),
        job("to,p1", "13800138001", "a"),
        job("to,p1", NUMBER, "a", template="1"),
        job("to,p1", NUMBER, "a", lane="notice"),
        job("to,p1", NUMBER, "a", app="shop"),
        job("to,p1", NUMBER, "a", secret=b"fedcba9876543210"),
    ]
    assert len({one.reference for one in made}) == len(made)


def test_no_number_and_no_parameter_stands_in_a_reference_or_a_repr() -> None:
    made = job("to,p1", NUMBER, "739148")
    assert NUMBER not in str(made.reference)
    assert "739148" not in str(made.reference)
    shown = repr(Row(2, [NUMBER])) + repr(campaign("to"))
    assert NUMBER not in shown
    assert SECRET.decode() not in shown
