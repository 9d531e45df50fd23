"""Lists and envelopes of reports: each one in them is read, none is applied to a message it is not about, the rest is told."""

import json
import re
from typing import Any
from urllib.parse import urlencode

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.receiver.callback.reading import MOST_REPORTS, CallbackReading, Unreadable, read_callback
from smsrelay.receiver.callback.shape import body_shape

TOKEN = CallbackToken("018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", 2)
NOW = 1_700_000_000_000
NUMBER = "13800138000"


def report(code: object = 200, **fields: object) -> dict[str, Any]:
    return {"external_id": "e1", "status": {"updated_on": NOW, "code": code}} | fields


def read(body: object, token: CallbackToken | None = TOKEN, *, by_external_id: bool = False) -> CallbackReading:
    return read_callback(json.dumps(body).encode(), "application/json", NOW, token, by_external_id=by_external_id)


def codes(reading: CallbackReading) -> list[str]:
    return [event.code for event in reading.reports]


@pytest.mark.parametrize(
    "body",
    [
        [report()],
        {"data": report()},
        {"data": [report()]},
        {"reports": [report()]},
        {"statusReportList": [report()]},
        {"status_report_list": [report()]},
        {"data": {"reports": [report()]}},
        {"code": "0000", "msg": "成功", "data": {"statusReportList": [report()]}},
        {"data": json.dumps(report())},
        [json.dumps(report())],
        json.dumps([report()]),
        {"external_id": "e1", "status": [{"code": 200, "updated_on": NOW}]},
        {"extenal_id": "e1", "data": [{"code": "200", "updated_on": NOW}]},
        [report(), None, {}, ""],
    ],
    ids=lambda body: json.dumps(body)[:40],
)
@pytest.mark.parametrize("token", [TOKEN, None])
def test_a_report_in_a_list_or_an_envelope_is_read(body: object, token: CallbackToken | None) -> None:
    reading = read(body, token)
    assert [(event.code, event.external_id, event.updated_on) for event in reading.reports] == [("200", "e1", NOW)]
    assert reading.unreadable is None


def test_a_list_in_a_field_of_a_form_is_read() -> None:
    body = urlencode({"reports": json.dumps([report(203), report(200)])}).encode()
    assert codes(read_callback(body, "application/x-www-form-urlencoded", NOW, TOKEN)) == ["203", "200"]


@pytest.mark.parametrize(
    "body",
    [
        {"code": "0000", "msg": "ok", "data": {"status": {"code": "504"}}},
        {"code": "0000", "msg": "ok", "data": {"code": "504"}},
        {"code": 200, "data": {"code": 504, "external_id": "e1"}},
        {"code": "0000", "status": {"code": "504"}},
        {"code": "0000", "data": [{"status": {"code": 504}}]},
        {"code": "0000", "status": "ok", "result": {"status": {"code": 504}}},
    ],
)
def test_the_code_of_an_envelope_is_an_answer_and_the_one_inside_is_the_status(body: object) -> None:
    assert codes(read(body)) == ["504"]


def test_an_answer_whose_envelope_holds_no_status_is_not_taken_for_one() -> None:
    reading = read({"code": "0000", "msg": "ok", "data": {"result": "DELIVRD", "externalId": "e1"}})
    assert reading.reports == ()
    assert reading.unreadable == Unreadable(
        "no object with a status code", "{code: text, msg: text, data: {result: text, externalId: text}}"
    )


@pytest.mark.parametrize("extra", [{"data": {"cost": 1}}, {"data": []}, {"items": "none"}, {"result": {}}])
def test_a_flat_report_beside_something_else_stays_one(extra: dict[str, object]) -> None:
    assert codes(read({"code": 504, "external_id": "e1"} | extra)) == ["504"]
    assert codes(read(report(504) | extra)) == ["504"]


def test_of_a_list_what_can_be_read_is_and_the_rest_is_told() -> None:
    reading = read([report(203), report({"deep": 1}), report(200), {"foo": 1}])
    assert codes(reading) == ["203", "200"]
    assert reading.unreadable is not None
    assert reading.unreadable.reason == "2 of 4 reports: no readable status code"
    assert reading.unreadable.shape == "{external_id: text, status: {updated_on: number, code: {deep: number}}}"


@pytest.mark.parametrize(
    "other",
    [
        report(external_id="e2"),
        report(external_id="e2", code=None),
        {"external_id": "e2", "foo": "unreadable, and about another submit"},
        {"extenal_id": "e2", "code": 504},
        report(mobile="+86 139 0013 8000"),
    ],
)
def test_reports_on_several_submits_are_not_applied_to_the_one_that_the_path_proves(other: dict[str, object]) -> None:
    mine = report(mobile="8613800138000")
    for body in ([mine, other], [other, mine], {"reports": [mine, mine, other]}):
        reading = read(body)
        assert reading.reports == ()
        assert reading.unreadable is not None
        assert reading.unreadable.reason == "reports on several submits, and the path is valid for one"


def test_reports_without_the_vendors_id_are_told_apart_by_their_own() -> None:
    first, second = ({"reference_id": f"r{number}", "code": 200} for number in range(2))
    assert read([first, second]).reports == ()
    assert codes(read([first, first])) == ["200", "200"]


@pytest.mark.parametrize("numbers", [("+8613800138000", "13800138000"), (13800138000, "138 0013 8000")])
def test_one_recipient_is_one_however_it_is_written(numbers: tuple[object, object]) -> None:
    assert codes(read([report(203, mobile=numbers[0]), report(200, mobile=numbers[1])])) == ["203", "200"]


def test_reports_on_several_submits_are_matched_by_the_vendors_id_where_that_is_allowed() -> None:
    reading = read([report(), report(504, external_id="e2")], by_external_id=True)
    assert [(event.message_id, event.external_id, event.code) for event in reading.reports] == [
        (None, "e1", "200"),
        (None, "e2", "504"),
    ]


def test_a_single_report_is_about_the_paths_message_whatever_its_ids() -> None:
    [event] = read([report(external_id="whatever")], by_external_id=True).reports
    assert (event.message_id, event.attempt) == (TOKEN.message_id, TOKEN.attempt)


def test_a_list_longer_than_any_vendors_is_kept_whole() -> None:
    assert len(read([report()] * MOST_REPORTS).reports) == MOST_REPORTS
    reading = read([report()] * (MOST_REPORTS + 1))
    assert (reading.reports, reading.unreadable and reading.unreadable.reason) == ((), f"more than {MOST_REPORTS} reports")


@pytest.mark.parametrize("depth", [5, 50, 5000])
def test_what_is_wrapped_too_deep_is_unreadable_and_no_error(depth: int) -> None:
    body = ('{"data":' * depth + json.dumps(report()) + "}" * depth).encode()
    assert read_callback(body, None, NOW, TOKEN).reports == ()
    assert read_callback(b"[" * depth + b"]" * depth, None, NOW, TOKEN).reports == ()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"code": True, "ok": None, "n": 1.5, "t": "x"}, "{code: flag, ok: null, n: number, t: text}"),
        (
            {NUMBER: 1, "张三": 2, "a b": 3, "code394021": 4, "k" * 40: 5},
            "{?: number, ?: number, ?: number, ?: number, ?: number}",
        ),
        ({"a": {"b": {"c": {"d": 1}}}}, "{a: {b: {c: object of 1 {…}}}}"),
        ([{"a": NUMBER}, 5], "list of 2 [{a: text}]"),
        ({"a": json.dumps({"b": [1, 2]})}, "{a: text of {b: list of 2 [number]}}"),
        ({f"k{chr(97 + n)}": n for n in range(20)}, None),
        ({"k" * 32: {"m" * 32: {"n" * 32: 1, "o" * 32: 2, "p" * 33: 3}}}, None),
    ],
)
def test_what_cannot_be_read_is_described_by_names_and_types(body: object, told: str | None) -> None:
    said = body_shape(json.dumps(body).encode(), None)
    assert told is None or said == told
    assert len(said) <= 401


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty, 0 bytes"),
        (b"  ", "empty, 2 bytes"),
        (b"<report><code>1</code></report>", "XML, 31 bytes"),
        (b'{"mobile":"138', "truncated JSON, 14 bytes"),
        (NUMBER.encode(), "bytes, 11 bytes"),
        (b"\xff\x00", "bytes, 2 bytes"),
        (b"mobile=13800138000&result=DELIVRD", "{mobile: text, result: text}"),
    ],
)
def test_a_body_that_is_no_json_is_described_by_its_kind(body: bytes, told: str) -> None:
    assert body_shape(body, None) == told


words = st.one_of(st.text(), st.sampled_from(["code", "status", "data", "reports", "external_id", "mobile"]), st.just(NUMBER))
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(NUMBER), st.just(int(NUMBER)))
anything = st.recursive(leaves, lambda inner: st.one_of(st.lists(inner), st.dictionaries(words, inner)), max_leaves=12)


@settings(deadline=None)
@given(anything, st.booleans())
def test_what_is_said_of_any_body_holds_no_number_and_is_short(body: object, quoted: bool) -> None:
    text = json.dumps(body)
    reading = read_callback((json.dumps(text) if quoted else text).encode(), None, NOW, TOKEN)
    if reading.unreadable is not None:
        assert len(reading.unreadable.shape) <= 401
        assert not re.search(r"\d{7}", f"{reading.unreadable.reason} {reading.unreadable.shape}")
