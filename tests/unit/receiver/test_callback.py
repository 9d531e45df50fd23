"""Reading callbacks: both shapes that were seen, everything between them, and nothing personal gets through."""

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.callback.reading import read_callback
from smsrelay.receiver.callback.report_fields import CallbackUnreadable

TOKEN = CallbackToken("018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", 2)
NOW = 1_700_000_000_000
FORM = "application/x-www-form-urlencoded"
GUIDE_INSTANT = 1_591_590_009_873
GUIDE = """{
      "reference_id":"65CA48A0752012689190921055936659",
      "external_id":"5122f7d8a93f11ea8b6700163e02db87",
      "status":{
          "updated on":"2020-06-08T04:20:09.873298Z",
          "code":200,
          "description": "Delivered to handset"
      }
}"""
SECOND = (
    '{"reference_id":"2340629171104904100","price":"0.05","mobile":"+8613800138000",'
    '"extenal_id":"860099f54cbe4f74a20a0c63b0ea028e",'
    '"status":{"updated_on":1594786353213,"code":"200"}}'
)


def read(body: str | bytes, content_type: str | None = "application/json", token: CallbackToken | None = TOKEN) -> StatusEvent:
    return only_report(body.encode() if isinstance(body, str) else body, content_type, token)


def only_report(body: bytes, content_type: str | None, token: CallbackToken | None) -> StatusEvent:
    """The one report of a callback; raises ``CallbackUnreadable`` when it could not be read."""
    reading = read_callback(body, content_type, NOW, token)
    if reading.unreadable is not None:
        raise CallbackUnreadable(reading.unreadable.reason)
    [event] = reading.reports
    return event


def read_fields(token: CallbackToken | None = TOKEN, **fields: object) -> StatusEvent:
    return read(json.dumps(fields), token=token)


def callback(updated_on: object = "2020-06-08T04:20:09.873298Z", code: object = 200) -> dict[str, Any]:
    return {"external_id": "e1", "status": {"updated_on": updated_on, "code": code}}


@pytest.mark.parametrize("body", [GUIDE, GUIDE.replace("updated on", "updated_on")])
def test_the_guides_own_callback_is_read_with_and_without_its_misprint(body: str) -> None:
    assert read(body) == StatusEvent(
        message_id=TOKEN.message_id,
        attempt=2,
        external_id="5122f7d8a93f11ea8b6700163e02db87",
        reference_id="65CA48A0752012689190921055936659",
        code="200",
        updated_on=GUIDE_INSTANT,
        received_at=NOW,
    )


def test_the_second_shape_is_read_and_its_mobile_is_left_behind() -> None:
    assert read(SECOND, token=None) == StatusEvent(
        external_id="860099f54cbe4f74a20a0c63b0ea028e",
        reference_id="2340629171104904100",
        code="200",
        updated_on=1_594_786_353_213,
        received_at=NOW,
        extra={"price": "0.05"},
    )


@pytest.mark.parametrize("content_type", [None, "", "text/plain", FORM, "application/json; charset=utf-8", "?"])
def test_json_is_read_under_any_content_type(content_type: str | None) -> None:
    assert read(GUIDE, content_type) == read(GUIDE)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=GBK"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_the_encodings_of_chinese_vendors_are_read(encoding: str, content_type: str) -> None:
    body = '{"code":"200","operator":"联通","status_text":"发送成功"}'.encode(encoding)
    assert read(body, content_type).extra == {"operator": "联通", "status_text": "发送成功"}


def test_a_declared_gbk_counts_where_the_bytes_could_be_either() -> None:
    body = '{"code":200,"operator":"隆"}'.encode("gbk")  # as UTF-8 the same bytes are a Spanish exclamation mark
    assert read(body, 'application/json; charset="GBK"').extra == {"operator": "隆"}
    assert read(body, "application/json").extra == {"operator": "¡"}


def test_a_form_with_more_fields_than_any_vendor_sends_is_unreadable() -> None:
    with pytest.raises(CallbackUnreadable):
        read("code=200" + "&a=b" * 64, FORM)


def test_a_description_cut_inside_a_character_does_not_lose_the_report() -> None:
    body = b'{"code":503,"description":"' + "失败".encode()[:-1] + b'","x":"\xff"}'
    assert read(body).code == "503"


@pytest.mark.parametrize(
    "body",
    [
        urlencode({"external_id": "e1", "code": "200", "updated_on": "2020-06-08T04:20:09.873298Z"}),
        urlencode({"extenal_id": "e1", "status": json.dumps({"code": 200, "updated_on": GUIDE_INSTANT})}),
        urlencode({"externalId": "e1", "status[code]": "200", "status[updated_on]": str(GUIDE_INSTANT)}),
        urlencode({"externalId": "e1", "status.code": "200", "status.updatedOn": str(GUIDE_INSTANT)}),
        urlencode({"data": json.dumps(callback())}),
        quote(json.dumps(callback())) + "=",
        quote(json.dumps(callback())),
    ],
)
@pytest.mark.parametrize("content_type", [FORM, None, "application/json"])
def test_a_form_is_read_with_fields_or_with_json_in_one_field(body: str, content_type: str | None) -> None:
    event = read(body, content_type, token=None)
    assert (event.external_id, event.code, event.updated_on) == ("e1", "200", GUIDE_INSTANT)


@pytest.mark.parametrize(
    "fields",
    [
        {"external_id": "e1", "code": 200, "updated_on": GUIDE_INSTANT},
        {"external_id": "e1", "code": "7", "status": {"code": 200, "updated_on": GUIDE_INSTANT}},
        {"external_id": "e1", "code": 200, "status": {"code": None, "updated_on": GUIDE_INSTANT}},
        {"external_id": "e1", "status": json.dumps({"code": 200, "updated_on": GUIDE_INSTANT})},
        {"status": {"external_id": "e1", "code": 200, "updatedOn": GUIDE_INSTANT}},
        {"extenal_id": "e1", "external_id": "not an id", "code": 200, "updated on": GUIDE_INSTANT},
        {"External_ID": "e1", "Status": {"Code": 200, "Updated_On": GUIDE_INSTANT}},
    ],
)
def test_a_status_may_be_nested_flat_or_text(fields: dict[str, object]) -> None:
    event = read_fields(token=None, **fields)
    assert (event.external_id, event.code, event.updated_on) == ("e1", "200", GUIDE_INSTANT)
    assert event.extra == {}


def test_json_quoted_as_a_json_string_is_read() -> None:
    assert read(json.dumps(GUIDE)) == read(GUIDE)


@pytest.mark.parametrize("code", [200, "200", " 200 ", "200\n", 200.0, "200.0", "200.00"])
def test_every_spelling_of_a_code_is_one_code(code: object) -> None:
    assert read_fields(code=code).code == "200"


@pytest.mark.parametrize("code", ["i005", "0000", "DELIVRD", "MK-0001", "1.5", "v1.0", "-1", "10000"])
def test_an_unknown_code_is_kept_as_it_came(code: str) -> None:
    assert read_fields(code=code).code == code


@pytest.mark.parametrize(
    "code",
    [
        *(None, "", "  ", "20 0", "２００", "code:1", "成功", "2" * 25, "\ud800", True, 200.5, 1e300, [200], {}),
        *("13800138000", 13800138000, "+8613800138000", "138-0013-8000", "13800138000.0", 10**4000),
    ],
)
def test_a_code_that_is_none_is_unreadable(code: object) -> None:
    with pytest.raises(CallbackUnreadable):
        read_fields(code=code, external_id="e1")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_code_that_is_no_number_json_knows_is_unreadable(literal: str) -> None:
    with pytest.raises(CallbackUnreadable):
        read(f'{{"code":{literal},"external_id":"e1"}}')


@pytest.mark.parametrize(
    ("updated_on", "instant"),
    [
        ("2020-06-08T04:20:09Z", 1_591_590_009_000),
        ("2020-06-08T04:20:09.8Z", 1_591_590_009_800),
        ("2020-06-08T04:20:09.873298123456Z", GUIDE_INSTANT),
        ("2020-06-08t04:20:09.873z", GUIDE_INSTANT),
        ("2020-06-08T12:20:09.873+08:00", GUIDE_INSTANT),
        ("2020-06-08T12:20:09.873+0800", GUIDE_INSTANT),
        ("2020-06-08T12:20:09.873 08:00", GUIDE_INSTANT),  # a + that a form turned into a space
        ("2020-06-07T23:20:09.873-05:00", GUIDE_INSTANT),
        ("2020-06-08 04:20:09,873", GUIDE_INSTANT),  # without a zone: UTC
        (" 2020-06-08T04:20:09.873 ", GUIDE_INSTANT),
        ("2020/06/08 04:20:09.873", GUIDE_INSTANT),
        (20200608042009, 1_591_590_009_000),  # compact, without a zone: UTC as well
        ("20200608042009", 1_591_590_009_000),
        (20200608042009.0, 1_591_590_009_000),
        (20200608042009873, GUIDE_INSTANT),
        ("20200608042009873", GUIDE_INSTANT),
        ("20200608122009.873+0800", GUIDE_INSTANT),
        ("20200608T042009Z", 1_591_590_009_000),
        ("20261128122009", 1_795_868_409_000),
        (GUIDE_INSTANT, GUIDE_INSTANT),
        (str(GUIDE_INSTANT), GUIDE_INSTANT),
        (float(GUIDE_INSTANT), GUIDE_INSTANT),
        (1_591_590_009, 1_591_590_009_000),
        ("1591590009", 1_591_590_009_000),
        ("1591590009.873", GUIDE_INSTANT),
        (1_591_590_009.5, 1_591_590_009_500),
    ],
)
def test_every_form_of_an_instant_is_epoch_milliseconds(updated_on: object, instant: int) -> None:
    assert read(json.dumps(callback(updated_on))).updated_on == instant


@pytest.mark.parametrize(
    "updated_on",
    [
        *(None, "", 0, 1, -1, True, [], {}, 10**14, 10**4000, 1e300, "now", "2020-06-08", "２０２００６０８０４"),
        *("2020-13-08T04:20:09Z", "2020-06-08T24:61:09Z", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z"),
        *("2020-06-08T04:20:09+99:99", "2020-06-08T04:20:09 +", "\ud800"),
        *(
            "20201308042009",
            20_200_608_246_109,
            "20200608042009873298",
            "2020060804200987",
            15_915_900_098_732,
        ),  # no calendar's day
    ],
)
def test_an_unreadable_instant_is_none_and_no_error(updated_on: object) -> None:
    assert read(json.dumps(callback(updated_on))).updated_on is None


@pytest.mark.parametrize("identifier", ["", " ", "a b", "a/b", "编号", "e" * 65, True, 1.5, [], {}, None, "\ud800"])
def test_an_id_that_does_not_fit_is_dropped(identifier: object) -> None:
    event = read_fields(code=200, external_id=identifier, reference_id=identifier)
    assert (event.external_id, event.reference_id) == (None, None)
    with pytest.raises(CallbackUnreadable):
        read_fields(code=200, external_id=identifier, token=None)


def test_an_id_may_be_a_number() -> None:
    assert read_fields(code=200, reference_id=2340629171104904100).reference_id == "2340629171104904100"


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", "null", "5", "true", '"text"', "[]", "hello", "{", "{}", "\x00", "\ufeff", "=", "&&&", "%"),
        *('{"status":{}}', '{"status":"x"}', "[[]]", "--x\r\nContent-Disposition: form-data\r\n\r\n"),
        *("[" * 60_000, '{"a":' * 10_000, '{"code":200,"a":' + "[" * 60_000, '"' * 60_000, "&" * 60_000),
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize("content_type", [None, FORM])
def test_a_body_without_a_report_is_unreadable(body: str, content_type: str | None) -> None:
    with pytest.raises(CallbackUnreadable):
        read(body, content_type)


def test_a_report_that_names_no_attempt_is_unreadable() -> None:
    with pytest.raises(CallbackUnreadable, match="does not say which attempt"):
        read_fields(code=200, token=None)


def test_the_error_quotes_nothing_of_the_body_and_chains_nothing() -> None:
    with pytest.raises(CallbackUnreadable) as unreadable:
        read('{"mobile":"13800138000","code":')
    assert "138" not in str(unreadable.value)
    assert unreadable.value.__context__ is None


def test_of_a_repeated_key_the_last_one_counts() -> None:
    assert read('{"code":503,"code":200}').code == "200"


def test_unknown_scalars_are_kept_as_text() -> None:
    event = read_fields(code=200, price=0.05, parts=2, final=True, note="ok 好", a=None, b=[1], c={"d": 1}, e="")
    assert event.extra == {"price": "0.05", "parts": "2", "final": "true", "note": "ok 好"}


def test_unknown_fields_inside_the_status_are_kept_and_a_flat_status_too() -> None:
    assert read_fields(status={"code": 200, "errors": "none"}).extra == {"errors": "none"}
    assert read_fields(code=200, status="DELIVRD").extra == {"status": "DELIVRD"}


def test_the_description_is_known_and_dropped() -> None:
    assert read_fields(code=200, description="x", status={"description": "y"}).extra == {}


def test_at_most_eight_unknown_fields_are_kept() -> None:
    assert len(read_fields(code=200, **{f"k{number}": "v" for number in range(20)}).extra) == 8


@pytest.mark.parametrize(
    "name", ["mobile", "Mobile", "MOBILE", "phone", "phone_number", "to", "To", "msisdn", "recipient", "content"]
)
def test_a_field_with_a_persons_name_on_it_is_dropped_whatever_it_holds(name: str) -> None:
    assert read_fields(code=200, **{name: "x"}).extra == {}


@pytest.mark.parametrize(
    "value",
    [
        *("13800138000", 13800138000, "+86 138 0013 8000", "(010) 555-1234", "138.0013.8000", "138/0013/8000"),
        *("1380013", "１３８００１３８０００", "138\u200b0013\u200b8000", "138_0013_8000", "tel:13800138000;x"),
        *("v" * 65, "line\nbreak", "\ud800", "\x00", 10**4000),
    ],
)
def test_a_value_that_may_hold_a_number_or_does_not_fit_is_dropped(value: object) -> None:
    assert read_fields(code=200, field=value).extra == {}


@pytest.mark.parametrize("name", ["13800138000", "138-0013-8000", "k" * 33, "a b", "名", "", "__type__", "__value__"])
def test_a_name_that_may_hold_a_number_or_does_not_fit_is_dropped(name: str) -> None:
    assert read_fields(code=200, **{name: "x"}).extra == {}


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.from_regex(r"\+?[0-9 ()\-.]{7,20}", fullmatch=True),
)
names = st.one_of(
    st.sampled_from(["code", "status", "updated_on", "external_id", "reference_id", "mobile", "extra", "data", "reports"]),
    st.text(),
)
json_values = st.recursive(scalars, lambda inner: st.one_of(st.lists(inner), st.dictionaries(names, inner)), max_leaves=8)
tokens = st.sampled_from([TOKEN, None])
content_types = st.one_of(st.none(), st.sampled_from([FORM, "application/json; charset=gbk"]), st.text())


def reports(body: bytes, content_type: str | None, token: CallbackToken | None) -> tuple[StatusEvent, ...]:
    return read_callback(body, content_type, NOW, token).reports


@settings(deadline=None)
@given(
    st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))),
    content_types,
    tokens,
)
def test_any_bytes_are_reports_or_unreadable(body: bytes, content_type: str | None, token: CallbackToken | None) -> None:
    reading = read_callback(body, content_type, NOW, token)
    assert reading.reports or reading.unreadable


@settings(deadline=None)
@given(st.dictionaries(names, json_values), content_types, tokens)
def test_every_report_in_any_object_survives_the_queue(
    fields: dict[str, object], content_type: str | None, token: CallbackToken | None
) -> None:
    for event in reports(json.dumps({"code": 200} | fields).encode(), content_type, token):
        assert StatusEvent.decode(json.loads(json.dumps(event.encode()))) == event


@settings(deadline=None)
@given(
    st.from_regex(r"(\+?86)?1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", " ", "-", ".", ") "]),
    st.dictionaries(names, json_values),
)
def test_no_number_reaches_an_event_outside_of_ids_and_instants(number: str, gap: str, fields: dict[str, object]) -> None:
    spaced = gap.join([number[:-8], number[-8:-4], number[-4:]])
    personal = {"mobile": number, "caller": spaced, "source": f"from {spaced} to you", number: "x", "code": 200}
    for event in reports(json.dumps(fields | personal).encode(), None, TOKEN):
        exposed = event.encode()
        for permitted in ("message_id", "external_id", "reference_id", "updated_on", "received_at"):
            exposed.pop(permitted, None)
        assert not re.search(r"\d{7}", re.sub(r"[\s\-().+]", "", json.dumps(exposed, ensure_ascii=False)))
