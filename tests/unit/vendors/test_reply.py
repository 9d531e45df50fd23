import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.vendors.yisha.reply import Reply, parse_reply, safe_code, safe_id


def test_the_documented_answer_is_read() -> None:
    body = '{"code":"0000","msg":"成功。","externalId":"5122f7d8a93f11ea","requestId":"A77C-46E2"}'.encode()
    assert parse_reply(body) == Reply("0000", "5122f7d8a93f11ea", "A77C-46E2", message="成功。")


def test_the_vendors_message_is_kept_unchanged_and_never_shown() -> None:
    reply = parse_reply('{"code":"i005","msg":"号码 13800138000"}'.encode())
    assert reply is not None
    assert reply.message == "号码 13800138000"
    assert "13800138000" not in repr(reply)
    for other in ('{"a":1}', "7", "null", '["x"]'):
        reply = parse_reply(f'{{"code":"i005","msg":{other}}}'.encode())
        assert reply is not None
        assert reply.message == ""


@pytest.mark.parametrize(
    ("named", "withheld"), [('"a b"', True), ('["e1"]', True), ('{"id":1}', True), ('""', False), ("null", False)]
)
def test_that_an_id_was_withheld_is_recorded(named: str, withheld: bool) -> None:
    reply = parse_reply(f'{{"code":"x1","externalId":{named}}}'.encode())
    assert reply is not None
    assert (reply.external_id, reply.id_withheld) == (None, withheld)


def test_a_message_in_a_foreign_encoding_does_not_cost_the_code() -> None:
    reply = parse_reply(b'\xef\xbb\xbf{"msg":"' + "成功".encode("gbk") + b'","code":"0000"}')
    assert reply is not None
    assert (reply.code, reply.external_id) == ("0000", None)


@pytest.mark.parametrize("name", ["externalId", "external_id", "extenal_id"])
def test_each_spelling_of_the_external_id_is_read(name: str) -> None:
    reply = parse_reply(json.dumps({"code": "0000", name: "abc"}).encode())
    assert reply is not None
    assert reply.external_id == "abc"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b"null",
        b'"0000"',
        b"[]",
        b"{}",
        b'{"code":null}',
        b'{"code":" "}',
        b'{"code":true}',
        b'{"code":{"a":1}}',
        b'{"code":"0000"',
        b"[" * 60_000,
        b'{"code":' + b"9" * 5_000 + b"}",
        b"\xff\xfe\x00",
    ],
)
def test_a_body_without_a_code_is_no_reply(body: bytes) -> None:
    assert parse_reply(body) is None


@pytest.mark.parametrize("code", ["00 00", "00,00", "0000\u200b", "＋0000", "0000!", "x" * 60 + "0000"])
def test_cleaning_never_turns_a_code_into_the_accepted_one(code: str) -> None:
    assert safe_code(code) != "0000"


def test_a_code_sent_as_a_number_is_its_digits() -> None:
    reply = parse_reply(b'{"code":9999}')
    assert reply is not None
    assert reply.code == "9999"


@pytest.mark.parametrize("text", ["", "a b", "a/b", "ü", "x" * 65, "abc\n", None])
def test_what_is_not_an_id_is_dropped_whole(text: str | None) -> None:
    assert safe_id(text) is None


@given(st.text())
def test_a_code_is_always_safe_to_log(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.\-]{0,24}", safe_code(text))


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(st.fixed_dictionaries({"code": JSON, "externalId": JSON, "requestId": JSON}))
def test_whatever_the_vendor_sends_its_parts_are_clean(found: dict[str, object]) -> None:
    reply = parse_reply(json.dumps(found).encode())
    if reply is None:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.\-]{1,24}", reply.code)
    for identifier in (reply.external_id, reply.request_id):
        assert identifier is None or re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", identifier)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_without_an_exception(body: bytes) -> None:
    parse_reply(body)
