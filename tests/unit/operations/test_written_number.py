"""A number in text that nobody could read as a job: found however it stands there, and not where another one does."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.operations.written_number import WrittenNumber

NUMBER = WrittenNumber("+8613912345678")
BRITISH = WrittenNumber("+447911123456")
JOB = {"to": "13912345678", "template": "0000000", "params": ["1"]}


@pytest.mark.parametrize(
    "text",
    [
        *("13912345678", "+8613912345678", "8613912345678", "008613912345678", "013912345678", "+86 139 1234 5678"),
        *("139-1234-5678", "(+86)13912345678", "tel: 139 1234 5678.", "１３９１２３４５６７８", '{"to":"+8613912345678"'),
        *("mobile=%2B8613912345678&a=1", "mobile=139%201234%205678", "a=1 13912345678 2"),
    ],
)
def test_a_number_is_found_in_every_spelling(text: str) -> None:
    assert NUMBER.is_in(text.encode())


@pytest.mark.parametrize("text", ["13912345679", "139123456780", "913912345678", "order 4139123456781", "", "{", "+447911123456"])
def test_other_digits_are_not_taken_for_it(text: str) -> None:
    assert not NUMBER.is_in(text.encode())


@pytest.mark.parametrize("text", ["+44 7911 123456", "07911 123456", "447911123456", "0044-7911-123456", "(07911) 123456"])
def test_a_number_abroad_is_found_with_its_own_prefixes(text: str) -> None:
    assert BRITISH.is_in(text.encode())


@given(
    st.sampled_from([str, "+86{}".format, "86{}".format, "0086 {}".format]), st.integers(1, 2), st.text('ab {}[]":,', max_size=20)
)
def test_it_is_found_inside_whatever_a_task_wraps_it_in(spelled: "type[str]", depth: int, around: str) -> None:
    wire: object = [[JOB | {"to": spelled("13912345678"), "tags": {"a": around}}], {}, {}]
    for _ in range(depth):
        body = base64.b64encode(json.dumps(wire).encode()).decode()
        wire = {"body": body, "properties": {"body_encoding": "base64"}}
    assert NUMBER.is_in(json.dumps(wire).encode())


def test_json_escapes_hide_nothing() -> None:
    assert NUMBER.is_in(rb'{"to":"\u002b86\u0031\u0033912345678"}')


def test_bytes_that_are_no_text_are_searched_too() -> None:
    assert NUMBER.is_in(b"\xff\x00 13912345678 \xfe")


def test_its_repr_shows_nothing() -> None:
    assert "139" not in repr(NUMBER)
