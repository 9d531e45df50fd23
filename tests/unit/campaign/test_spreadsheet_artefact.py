"""What spreadsheets leave in place of a value is told from values."""

import pytest

from smsrelay.campaign.spreadsheet_artefact import artefact, reference_fault


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("#N/A", "“#N/A”"),
        ("#div/0!", "“#DIV/0!”"),
        ("#NAME?", "no value"),
        ("NULL", "no value"),
        ("nan", "no value"),
        ("\\N", "no value"),
        ("2.0E+21", "scientific notation"),
        ("6,22202E+18", "scientific notation"),
        ("622202123456789000", "15 digits"),
        ("394021.0", "as a decimal"),
        ("########", "too narrow"),
        ("=A1", "a formula"),
        ("${name}", "placeholder"),
        ("{{name}}", "placeholder"),
        ("??", "lost in an encoding"),
        ("锟斤拷", "wrong encoding"),
        ("MÃ¼ller", "wrong encoding"),
    ],
)
def test_an_artefact_is_recognised(value: str, said: str) -> None:
    assert said in (artefact(value) or "")


@pytest.mark.parametrize(
    "value",
    ["394021", "张三", "5.0 km", "A+", "100%", "really??", "2E10", "Null Island", "-5", "#1", "1234567890123450", "São Paulo"],
)
def test_a_value_is_not_taken_for_one(value: str) -> None:
    assert artefact(value) is None


def test_a_reference_that_others_may_have_as_well_is_none() -> None:
    assert [reference_fault(reference) is None for reference in ("#N/A", "4.4E+15", "null", "4E15", "r-1", "", "20261128")] == [
        *(False, False, False),
        *(True, True, True, True),
    ]
