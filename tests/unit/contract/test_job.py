"""SendJob: which jobs pass the door, how the others are refused, and what a job becomes."""

import json
import pickle
import re
import traceback
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from smsrelay.contract.character import invisible
from smsrelay.contract.job import MAX_LIFETIME, SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.template import Approval, Registry, Template

NOW = 1_800_000_000_000  # ms
AT_NOW = datetime.fromtimestamp(NOW / 1000, UTC)
SECOND, DAY = 1000, 86_400_000
WIRE: dict[str, Any] = {"v": 1, "to": "+8613800138000", "template": "0000000", "lane": "otp"}
MARK = "\N{SNOWMAN}"  # stands in no text of ours
FIELDS = tuple(SendJob.model_fields)
OPTIONAL = sorted({*FIELDS} - {"to", "template"})
SCHEMA = Draft202012Validator(SendJob.model_json_schema())

zones = st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.builds(
    lambda micros, zone: (AT_NOW + timedelta(microseconds=micros)).astimezone(zone), st.integers(-(10**15), 10**15), zones
)
carriable = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"], exclude_characters="[]【】\ufffd").filter(
    lambda character: invisible(character) is None
)
printable = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\ufffd"), min_size=1, max_size=128).filter(
    str.isprintable
)
deadlines = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"expires_at": instants}),
    st.fixed_dictionaries({"expires_in": st.integers(1, MAX_LIFETIME)}),
)
fields_of_jobs = st.fixed_dictionaries(
    {
        "to": st.sampled_from(["13800138000", "0086 199-0000-0000", "+1 650-253-0000", "+447400123456", "+852 5123 4567"]),
        "template": st.from_regex(r"[A-Za-z0-9_\-]{1,32}", fullmatch=True),
    },
    optional={
        "params": st.lists(st.text(carriable, min_size=1, max_size=20), max_size=20).map(tuple),
        "lane": st.sampled_from(Lane),
        "app": st.from_regex(r"[A-Za-z0-9_.\-]{1,64}", fullmatch=True),
        "reference": printable,
        "tags": st.dictionaries(st.from_regex(r"[A-Za-z0-9_.\-]{1,20}", fullmatch=True), st.just("4711"), max_size=5),
        "not_before": instants,
        "campaign": st.from_regex(r"[A-Za-z0-9_.\-]{1,64}", fullmatch=True),
        "ignore_send_window": st.booleans(),
    },
)
jobs = st.builds(lambda fields, deadline: SendJob(**fields, **deadline), fields_of_jobs, deadlines)

any_text = st.text(st.characters(), max_size=40)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text, st.sampled_from(["13800138000", "otp", "0"]))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=8
)
any_json = st.one_of(values, st.dictionaries(st.sampled_from((*FIELDS, "self", "fields", "cls")) | any_text, values, max_size=6))


def job(**changes: Any) -> SendJob:
    return SendJob(**{"to": "13800138000", "template": "0000000", "lane": Lane.OTP} | changes)


def accepted(registry: Registry | None = None, **changes: Any) -> Message:
    return job(**changes).accept(NOW, registry or {}, lambda: 7)


def registered(
    body: str = "Your code is {0}.",
    lane: Lane | None = Lane.OTP,
    status: Approval = Approval.APPROVED,
    *,
    full_width: bool = False,
) -> Registry:
    template = Template(id="0000000", body=body, signature="Firma", status=status, lane=lane, full_width=full_width)
    return {template.id: template}


def refused(fields: dict[str, Any]) -> dict[str, str]:
    """Reasons by field."""
    with pytest.raises(Rejection) as caught:
        SendJob.decode(WIRE | fields)
    return {problem.field: problem.reason for problem in caught.value.problems}


def refused_at_acceptance(registry: Registry | None = None, **changes: Any) -> dict[str, str]:
    with pytest.raises(Rejection) as caught:
        accepted(registry, **changes)
    return {problem.field: problem.reason for problem in caught.value.problems}


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        "+8613800138000",
        "8613800138000",
        "008613800138000",
        "013800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+86 138-0013-8000",
        "+86 (138) 0013.8000",
        " +86\N{NO-BREAK SPACE}138\N{NON-BREAKING HYPHEN}0013\N{EN DASH}8000 ",
        "１３８００１３８０００",
        "＋８６ １３８ ００１３ ８０００",
    ],
)
def test_a_mainland_number_is_taken_however_people_write_it(written: str) -> None:
    assert job(to=written).to == "+8613800138000"


@pytest.mark.parametrize("prefix", ["130", "149", "154", "162", "166", "172", "191", "192", "198", "199"])
@pytest.mark.parametrize("code", ["", "+86", "86", "0086"])
def test_every_mobile_prefix_of_the_mainland_passes_listed_or_not(prefix: str, code: str) -> None:
    assert job(to=f"{code}{prefix}00000000").to == f"+86{prefix}00000000"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("+1 650-253-0000", "+16502530000"),
        ("+44 7400 123456", "+447400123456"),
        ("+447400123456", "+447400123456"),
        ("0085251234567", "+85251234567"),
        ("+852 5123 4567", "+85251234567"),
        ("+49 (1512) 3456789", "+4915123456789"),
    ],
)
def test_a_number_abroad_is_taken_in_international_form(written: str, plain: str) -> None:
    assert job(to=written).to == plain


@pytest.mark.parametrize(
    "written",
    [
        "",
        "+",
        "+86",
        "12345",
        "1380013800",
        "138001380000",
        "12800138000",
        "+8612345678901",
        "+86138001380001",
        "010-62345678",
        "+86 10 6234 5678",
        "021-12345678",
        "4008001234",
        "95588",
        "110",
        "447400123456",
        "+44 20 7946 0018",
        "+3351234",
        "+99912345678",
        "138ABCD8000",
        "+1 650 253 ABCD",
        "call 13800138000",
        "13800138000 ext 5",
        "13800138000x5",
        "13800138000;ext=5",
        "13800138000#5",
        "13800138000,,5",
        "13800138000/13900139000",
        "13800138000,13900139000",
        "13800138000 13900139000",
        "*13800138000",
        "tel:+8613800138000",
        "++8613800138000",
        "+86+13800138000",
        "1" * 33,
    ],
)
def test_what_is_no_single_mobile_number_is_refused(written: str) -> None:
    assert set(refused({"to": written})) == {"to"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"to": 13800138000}, "to"),
        ({"to": None}, "to"),
        ({"to": ["13800138000"]}, "to"),
        ({"template": 0}, "template"),
        ({"template": 1234}, "template"),
        ({"template": ""}, "template"),
        ({"template": "t" * 33}, "template"),
        ({"template": "a b"}, "template"),
        ({"template": "0000000\n"}, "template"),
        ({"params": [1234]}, "params.0"),
        ({"params": ["ok", 5]}, "params.1"),
        ({"params": [None]}, "params.0"),
        ({"params": [""]}, "params.0"),
        ({"params": ["x" * 501]}, "params.0"),
        ({"params": ["\ud800"]}, "params.0"),
        ({"params": "1234"}, "params"),
        ({"params": {"0": "1234"}}, "params"),
        ({"params": ["x"] * 21}, "params"),
        ({"lane": "OTP"}, "lane"),
        ({"lane": "bulk"}, "lane"),
        ({"lane": 0}, "lane"),
        ({"app": ""}, "app"),
        ({"app": "a b"}, "app"),
        ({"app": "a" * 65}, "app"),
        ({"app": 5}, "app"),
        ({"reference": ""}, "reference"),
        ({"reference": "a\nb"}, "reference"),
        ({"reference": "a\x00"}, "reference"),
        ({"reference": "r" * 129}, "reference"),
        ({"reference": 5}, "reference"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": -1}, "expires_in"),
        ({"expires_in": MAX_LIFETIME + 1}, "expires_in"),
        ({"expires_in": "60"}, "expires_in"),
        ({"expires_in": 60.0}, "expires_in"),
        ({"expires_in": True}, "expires_in"),
        ({"expires_at": "2027-01-15T08:00:00"}, "expires_at"),
        ({"expires_at": "2027-01-15"}, "expires_at"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2027-13-15T08:00:00Z"}, "expires_at"),
        ({"expires_at": 1_800_000_000}, "expires_at"),
        ({"expires_at": "1800000000"}, "expires_at"),
        ({"not_before": "2027-01-15T08:00:00"}, "not_before"),
        ({"not_before": True}, "not_before"),
        ({"v": 2}, "v"),
        ({"v": "1"}, "v"),
        ({"template": None}, "template"),
        ({"priority": None}, "priority"),
        ({"lane": []}, "lane"),
        ({"tags": [["order", "4711"]]}, "tags"),
        ({"priority": "high"}, "priority"),
        ({"self": "x"}, "self"),
        ({"13800138000": ""}, "(unnamed field)"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(fields: dict[str, Any], named: str) -> None:
    assert set(refused(fields)) == {named}


def test_every_problem_of_a_job_is_told_at_once() -> None:
    wrong = {"to": "x", "template": 5, "params": "a", "lane": "bulk", "v": 2, "extra": 1}
    assert set(refused(wrong)) == set(wrong)
    assert list(refused({"params": ["a]b", "c", "[d"]})) == ["params.0", "params.2"]


def test_a_job_without_recipient_and_template_names_both() -> None:
    with pytest.raises(Rejection) as caught:
        SendJob.decode({})
    assert [problem.field for problem in caught.value.problems] == ["to", "template"]


def test_both_kinds_of_deadline_in_one_job_are_refused() -> None:
    reasons = refused({"expires_in": 60, "expires_at": "2027-01-15T08:00:00Z"})
    assert reasons == {"expires_in": "expires_at and expires_in exclude each other"}


@pytest.mark.parametrize("delimiter", [*"[]【】\r\n\t\v\f\0\x1b\x1c\x7f\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"])
@pytest.mark.parametrize("shape", ["a{}b", "{}a", "a{}", "{}"])
def test_a_parameter_with_a_delimiter_is_refused_wherever_it_stands(delimiter: str, shape: str) -> None:
    reasons = refused({"params": ["fine", shape.format(delimiter)]})
    assert set(reasons) == {"params.1"}
    place = shape.index("{") + 1
    assert reasons["params.1"].startswith(f"holds U+{ord(delimiter):04X}")
    assert f" at character {place};" in reasons["params.1"]


@pytest.mark.parametrize("delimiter", [*",'"])
@pytest.mark.parametrize("shape", ["a{}b", "{}a", "a{}", "{}"])
@pytest.mark.parametrize("registry", [None, registered("{0} {1}")])
def test_a_comma_or_a_quote_is_refused_at_acceptance_with_its_place_and_the_way_out(
    delimiter: str, shape: str, registry: Registry | None
) -> None:
    with pytest.raises(Rejection) as caught:
        accepted(registry, params=["fine", shape.format(delimiter)])
    [problem] = caught.value.problems
    assert problem.field == "params.1"
    assert problem.reason.startswith(f"holds U+{ord(delimiter):04X}")
    assert f" at character {shape.index('{') + 1};" in problem.reason
    assert "full_width = true" in problem.reason


@given(st.lists(st.text(st.sampled_from(",'，＇ab码"), min_size=1, max_size=20), min_size=2, max_size=2))
def test_a_template_registered_for_it_sends_full_width_commas_and_quotes(params: list[str]) -> None:
    registry = registered("{0} {1}", full_width=True)
    message = accepted(registry, params=params, reference="r")
    replaced = tuple(value.replace(",", "，").replace("'", "＇") for value in params)
    assert message.params == replaced
    assert message.fingerprint(b"key") == accepted(registry, params=replaced, reference="r").fingerprint(b"key")
    assert json.loads(message.payload())["params"] == list(replaced)
    assert registry["0000000"].preview(params) == registry["0000000"].preview(replaced)


@pytest.mark.parametrize("value", [" a", "a ", " ", "\N{IDEOGRAPHIC SPACE}a"])
def test_a_parameter_with_a_blank_at_an_end_is_refused(value: str) -> None:
    assert set(refused({"params": [value]})) == {"params.0"}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("739\u200b148", "U+200B ZERO WIDTH SPACE at character 4"),
        ("\ufeff739148", "U+FEFF ZERO WIDTH NO-BREAK SPACE at character 1"),
        ("739148\u200e", "U+200E LEFT-TO-RIGHT MARK at character 7"),
        ("\u202e841937", "U+202E RIGHT-TO-LEFT OVERRIDE at character 1"),
        ("Kün\u00addigung", "U+00AD SOFT HYPHEN at character 4"),
        ("7\u200c3", "U+200C ZERO WIDTH NON-JOINER at character 2"),
        ("7\u200d3", "U+200D ZERO WIDTH JOINER at character 2"),
        ("张\u200d三", "U+200D ZERO WIDTH JOINER at character 2"),
        ("7\ufe0f3", "U+FE0F VARIATION SELECTOR-16 at character 2"),
        ("a\U000e0061", "U+E0061 TAG LATIN SMALL LETTER A at character 2"),
        ("\u3164", "U+3164 HANGUL FILLER at character 1"),
        ("abc\u009b", "U+009B at character 4"),
        ("张\ufffd", "U+FFFD REPLACEMENT CHARACTER at character 2"),
    ],
)
def test_what_nobody_sees_in_a_parameter_is_refused_by_its_name_and_place(value: str, named: str) -> None:
    assert named in refused({"params": ["fine", value]})["params.1"]


@pytest.mark.parametrize(
    "value",
    [
        "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}",
        "\N{WOMAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}\u200d\N{PERSONAL COMPUTER}",
        "\N{HEAVY BLACK HEART}\ufe0f\u200d\N{FIRE}",
        "\N{WAVING WHITE FLAG}\ufe0f\u200d\N{RAINBOW}",
        "\N{SLIGHTLY SMILING FACE}\u200d\u2194\ufe0f",
        "1\ufe0f\u20e3",
        "می\u200cخواهم",
        "نامه\u200cها",
        "क्\u200dष",
        "ක්\u200dෂ",
        "葛\U000e0100城",
    ],
)
def test_joiners_and_selectors_that_shape_what_is_seen_pass_unchanged(value: str) -> None:
    assert job(params=[value]).params == (value,)
    assert SCHEMA.is_valid(WIRE | {"params": [value]})


def test_a_reference_names_what_cannot_be_printed() -> None:
    assert refused({"reference": "r-7\u200b"})["reference"].endswith("holds U+200B ZERO WIDTH SPACE at character 4")


def test_a_reference_that_lost_a_character_is_refused_because_another_may_have_become_the_same() -> None:
    lost = "café 7".encode("latin-1").decode("utf-8", "replace")
    assert refused({"reference": lost})["reference"].endswith("holds U+FFFD REPLACEMENT CHARACTER at character 4")


@pytest.mark.parametrize("value", ["，", "“x”", "a b", "(1)", "{0}", "价格：5", "\N{PILE OF POO}", '"', "a/b&c=d%2B+e", "0012"])
def test_other_characters_of_a_parameter_pass_unchanged(value: str) -> None:
    assert job(params=[value]).params == (value,)


def test_leading_zeros_of_a_template_and_a_parameter_stay() -> None:
    sent = job(template="0000000", params=["007"])
    assert (sent.template, sent.params) == ("0000000", ("007",))


@pytest.mark.parametrize(
    "text", ["2027-01-15T16:00:00+08:00", "2027-01-15T08:00:00Z", "2027-01-15 08:00:00.000Z", "2027-01-15t08:00:00z"]
)
def test_instants_on_the_wire_are_rfc_3339(text: str) -> None:
    read = SendJob.decode(WIRE | {"expires_at": text, "not_before": text})
    assert read.expires_at == read.not_before == datetime(2027, 1, 15, 8, tzinfo=UTC)


@given(jobs)
def test_a_job_survives_the_wire_unchanged(sent: SendJob) -> None:
    assert SendJob.decode(json.loads(json.dumps(sent.encode()))) == sent


def test_the_wire_form_leaves_absent_fields_out_and_names_its_version() -> None:
    assert job().encode() == WIRE


@given(any_json)
def test_any_value_on_the_wire_is_a_job_or_is_refused(wire: object) -> None:
    try:
        read = SendJob.decode(wire)
    except Rejection:
        return
    assert re.fullmatch(r"\+[1-9]\d{6,14}", read.to)


@given(jobs)
def test_the_schema_takes_every_job_of_ours(sent: SendJob) -> None:
    SCHEMA.validate(sent.encode())


@pytest.mark.parametrize(
    "fields",
    [
        *({"params": [value]} for value in ("a]b", "【a", "[", "a】", "a\nb", "", " a", "a ", "x" * 501, 5)),
        *({"params": [value]} for value in ("7\u200b3", "\ufeffa", "a\u202eb", "a\u00adb", "a\u009b", "\ufffd")),
        *({"lane": value} for value in ("OTP", 1)),
        *({"template": value} for value in (7, "a b", "x" * 33)),
        *({"expires_in": value} for value in (0, 604_801, 1.5)),
        *(
            {"v": 2},
            {"v": True},
            {"app": "a b"},
            {"campaign": ""},
            {"ignore_send_window": 1},
            {"reference": ""},
            {"params": ["x"] * 21},
            {"params": "394021"},
            {"nonsense": 1},
        ),
        {"expires_in": 60, "expires_at": "2027-01-15T08:00:00Z"},
    ],
)
def test_what_needs_neither_clock_nor_numbering_tables_the_schema_refuses_as_the_door_does(fields: dict[str, Any]) -> None:
    assert refused(fields)
    assert not SCHEMA.is_valid(WIRE | fields)


@given(st.dictionaries(st.sampled_from(OPTIONAL), st.none(), min_size=1))
def test_null_is_an_absent_optional_field(absent: dict[str, Any]) -> None:
    told = {name: value for name, value in WIRE.items() if name not in absent}
    assert SendJob.decode(WIRE | absent) == SendJob.decode(told)


@pytest.mark.parametrize("name", ["params", "tags"])
@pytest.mark.parametrize("written", [None, [], {}], ids=str)
def test_nothing_in_a_list_or_an_object_is_nothing_in_any_languages_spelling(name: str, written: Any) -> None:
    assert SendJob.decode(WIRE | {name: written}) == SendJob.decode(WIRE)


@given(st.dictionaries(st.sampled_from(FIELDS), st.sampled_from([None, [], {}, [[]], [None], {"0": []}, 0, False])))
def test_the_schema_and_the_contract_agree_on_what_is_absent(fields: dict[str, Any]) -> None:
    wire = WIRE | fields
    try:
        SendJob.decode(wire)
    except Rejection:
        assert not SCHEMA.is_valid(wire)
    else:
        SCHEMA.validate(wire)


def test_a_wrong_shape_is_told_in_words_of_json() -> None:
    assert refused({"params": "394021"}) == {"params": "must be a list"}
    assert refused({"tags": ["4711"]}) == {"tags": "must be an object"}
    assert refused({"expires_in": "300"}) == {"expires_in": "must be a whole number, without quotes or a fraction"}
    with pytest.raises(Rejection, match="must be an object"):
        SendJob.decode([WIRE])


@pytest.mark.parametrize("wire", [None, 5, "text", [], [WIRE], float("nan"), object(), {1: 2}, {"to": {1, 2}}])
def test_what_is_no_object_of_json_is_refused(wire: object) -> None:
    with pytest.raises(Rejection):
        SendJob.decode(wire)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "to": any_text.map(lambda text: MARK + text),
            "params": any_text.map(lambda text: [f"{MARK}{text},", f" {MARK}"]),
            "reference": any_text.map(lambda text: f"{MARK}{text}\n"),
            "expires_at": any_text.map(lambda text: MARK + text),
            "lane": any_text.map(lambda text: MARK + text),
            "template": any_text.map(lambda text: MARK + text),
            MARK: st.just(MARK),
        },
    ).filter(bool)
)
def test_a_refusal_never_quotes_what_it_refuses(fields: dict[str, Any]) -> None:
    with pytest.raises(Rejection) as caught:
        SendJob.decode(WIRE | fields)
    told = [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
    assert not any(MARK in text for text in told)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_job_shows_neither_number_nor_parameters_nor_reference() -> None:
    secret = job(params=["7391"], reference="order 5512")
    for text in (repr(secret), str(secret), f"{secret}", repr(secret.accept(NOW, {}, lambda: 0))):
        assert not any(part in text for part in ("13800138000", "7391", "5512"))


def test_making_a_job_in_python_refuses_like_the_wire() -> None:
    with pytest.raises(Rejection) as caught:
        SendJob(to="x", template="0")
    assert [problem.field for problem in caught.value.problems] == ["to"]


def test_a_copy_with_a_wrong_change_is_refused() -> None:
    with pytest.raises(Rejection):
        job().model_copy(update={"to": "nobody"})


def test_a_copy_with_a_change_is_a_job_like_any_other() -> None:
    assert job().model_copy(update={"to": "139 0013 9000"}) == job(to="+8613900139000")
    assert job().model_copy() == job()


def test_a_job_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        job().template = "1"  # type: ignore[misc]


def test_a_job_crosses_processes() -> None:
    sent = job(params=["1"], reference="r", expires_in=60)
    assert pickle.loads(pickle.dumps(sent)) == sent


def test_the_schema_shows_what_the_wire_takes() -> None:
    schema = SendJob.model_json_schema()
    assert schema["required"] == ["to", "template"]
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(FIELDS)
    assert {"type": "string", "format": "date-time"} in schema["properties"]["expires_at"]["anyOf"]
    assert [name for name in FIELDS if {"type": "null"} in schema["properties"][name].get("anyOf", [])] == [
        name for name in FIELDS if name in OPTIONAL
    ]


def test_a_test_message_never_has_the_id_of_a_live_one() -> None:
    sent = job(app="shop", reference="r1", tags={"order": "4711"})
    live, test = (sent.accept(NOW, {}, lambda: 7, test=test) for test in (False, True))
    assert (live.test, test.test) == (False, True)
    assert live.message_id != test.message_id
    assert test.message_id == sent.accept(NOW, {}, lambda: 8, test=True).message_id
    assert (test.app, test.reference, test.tags) == ("shop", "r1", (("order", "4711"),))


def test_an_accepted_job_keeps_its_content() -> None:
    message = accepted(params=["1234"], app="shop", reference="r1", expires_in=60)
    assert (message.to, message.template, message.params) == ("+8613800138000", "0000000", ("1234",))
    assert (message.lane, message.app, message.reference) == (Lane.OTP, "shop", "r1")
    assert (message.expires_at, message.not_before) == (NOW + 60 * SECOND, None)


@pytest.mark.parametrize(("lane", "minutes"), [(Lane.OTP, 5), (Lane.NOTICE, 24 * 60), (Lane.MARKETING, 24 * 60)])
def test_without_a_deadline_the_lane_gives_one(lane: Lane, minutes: int) -> None:
    assert accepted(lane=lane).expires_at == NOW + minutes * 60 * SECOND


def test_the_default_lifetime_of_a_job_that_waits_begins_when_it_may_go() -> None:
    assert accepted(not_before=AT_NOW + timedelta(days=20)).expires_at == NOW + 20 * DAY + 300 * SECOND


def test_an_instant_keeps_its_milliseconds() -> None:
    for offset in range(1, 1000):
        assert accepted(expires_at=AT_NOW + timedelta(milliseconds=offset)).expires_at == NOW + offset


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-11))])
def test_an_instant_means_the_same_in_every_zone(zone: timezone) -> None:
    assert accepted(expires_at=(AT_NOW + timedelta(hours=1)).astimezone(zone)).expires_at == NOW + 3_600_000


def test_a_job_without_any_lane_is_refused_and_told_the_three() -> None:
    reasons = refused_at_acceptance(lane=None)
    assert set(reasons) == {"lane"}
    assert "otp, notice, marketing" in reasons["lane"]


def test_a_registered_template_gives_the_lane() -> None:
    assert accepted(registered(lane=Lane.MARKETING), lane=None, params=["1"]).lane is Lane.MARKETING


def test_a_template_registered_without_a_lane_leaves_it_to_the_job() -> None:
    assert accepted(registered(lane=None), lane=Lane.NOTICE, params=["1"]).lane is Lane.NOTICE
    assert set(refused_at_acceptance(registered(lane=None), lane=None, params=["1"])) == {"lane"}


def test_a_lane_other_than_the_registered_one_is_refused() -> None:
    assert set(refused_at_acceptance(registered(lane=Lane.MARKETING), params=["1"])) == {"lane"}


@pytest.mark.parametrize("params", [[], ["1", "2"]])
def test_a_registered_template_takes_exactly_its_parameters(params: list[str]) -> None:
    assert set(refused_at_acceptance(registered(), params=params)) == {"params"}


def test_parameters_of_an_unregistered_template_are_the_vendors_business() -> None:
    assert accepted(params=["1", "2", "3"]).params == ("1", "2", "3")


def test_a_text_over_the_carriers_limit_is_refused_with_its_length() -> None:
    room = 500 - len("【Firma】")
    assert accepted(registered("{0}"), params=["x" * room])
    assert "501" in refused_at_acceptance(registered("{0}"), params=["x" * (room + 1)])["params"]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"expires_at": AT_NOW}, {"expires_at"}),
        ({"expires_at": AT_NOW - timedelta(days=1)}, {"expires_at"}),
        ({"expires_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, {"expires_at"}),
        ({"expires_at": AT_NOW + timedelta(days=7, milliseconds=1)}, {"expires_at"}),
        ({"expires_at": datetime(9999, 12, 31, tzinfo=UTC)}, {"expires_at"}),
        ({"not_before": AT_NOW + timedelta(days=30, milliseconds=1)}, {"not_before"}),
        ({"not_before": AT_NOW + timedelta(hours=2), "expires_in": 3600}, {"not_before"}),
        ({"not_before": AT_NOW + timedelta(hours=2), "expires_at": AT_NOW + timedelta(hours=2)}, {"not_before"}),
        ({"lane": None, "expires_at": AT_NOW}, {"lane", "expires_at"}),
    ],
)
def test_deadlines_that_make_no_sense_are_refused(changes: dict[str, Any], named: set[str]) -> None:
    assert set(refused_at_acceptance(**changes)) == named


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": AT_NOW + timedelta(milliseconds=1)},
        {"expires_at": AT_NOW + timedelta(days=7)},
        {"expires_in": MAX_LIFETIME},
        {"not_before": AT_NOW - timedelta(days=9)},
        {"not_before": AT_NOW + timedelta(days=30)},
        {"not_before": AT_NOW + timedelta(days=30), "expires_at": AT_NOW + timedelta(days=37)},
        {"not_before": AT_NOW + timedelta(seconds=59), "expires_in": 60},
    ],
)
def test_deadlines_up_to_their_bounds_pass(changes: dict[str, Any]) -> None:
    assert accepted(**changes).expires_at > NOW
