"""What nobody could read, kept so that every byte of it can be had back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.store.undecodable import Undecodable


def kept(body: str | bytes) -> Undecodable:
    return Undecodable.decode(Undecodable.now("sms.otp", "a reason", body).encode())


@given(st.binary(max_size=200))
def test_every_byte_of_a_body_is_had_back(body: bytes) -> None:
    content = kept(body).content
    assert (content.encode() if isinstance(content, str) else content) == body


@given(st.text(max_size=200))
def test_a_text_is_kept_as_it_stands(body: str) -> None:
    one = kept(body)
    assert (one.body, one.body_encoding, one.content) == (body, None, body)


@pytest.mark.parametrize("text", ["{}", '{"params": ["测试"]}'])
def test_bytes_that_are_utf_8_are_kept_as_text(text: str) -> None:
    assert (kept(text.encode()).body, kept(text.encode()).body_encoding) == (text, None)


def test_bytes_that_are_none_are_marked() -> None:
    body = '{"params": ["测试"]}'.encode("gb18030")
    assert (kept(body).body_encoding, kept(body).content) == ("base64", body)


@pytest.mark.parametrize("body", ["x" * 100_000, b"\xff" * 100_000])
def test_a_long_one_is_cut_and_its_beginning_can_be_had_back(body: str | bytes) -> None:
    one = kept(body)
    assert len(one.body) <= 65536
    assert body[: len(one.content)] == one.content
    assert len(one.content) > 49_000


def test_a_line_of_an_earlier_version_is_read_and_reads_a_line_of_text() -> None:
    line = Undecodable.now("sms.otp", "a reason", "a text").encode()
    assert "body_encoding" not in json.loads(line)
    assert Undecodable.decode(line).body == "a text"


@pytest.mark.parametrize("task_id", ["t1", "\ud800"])
def test_the_same_task_is_kept_under_the_same_id(task_id: str) -> None:
    first, second = (Undecodable.now("sms.otp", "a reason", "{}", task_id) for _ in range(2))
    assert first.kept_id == second.kept_id
