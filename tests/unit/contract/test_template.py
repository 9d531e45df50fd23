"""Templates: what the phone shows, how many SMS the carrier bills, and which registry files are refused."""

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.template import Approval, Template, load_registry, segments, utf16_units

SMILE = "\N{GRINNING FACE}"  # two UTF-16 units
FIELDS: dict[str, Any] = {"id": "0000000", "body": "Code {0}", "signature": "一砂", "status": "approved"}
ROW = """\
[[template]]
id = "0000000"
body = "您的验证码为：{0}，{1}分钟内有效。"
signature = "一砂"
status = "approved"
lane = "otp"
"""


def template(**changes: Any) -> Template:
    return Template(**FIELDS | changes)


def load(folder: Path, text: str) -> dict[str, Template]:
    file = folder / "templates.toml"
    file.write_text(text, encoding="utf-8")
    return dict(load_registry(file))


def refused(folder: Path, text: str) -> list[str]:
    with pytest.raises(Rejection) as caught:
        load(folder, text)
    return [problem.field for problem in caught.value.problems]


def test_an_approved_signature_stands_in_front() -> None:
    assert template().preview(["1234"]) == "【一砂】Code 1234"


def test_while_approval_is_pending_the_vendors_signature_stands_at_the_end() -> None:
    assert template(status="pending").preview(["1234"]) == "Code 1234【PIN】"


def test_placeholders_may_come_twice_and_in_any_order() -> None:
    twice = template(body="{1} {0} {1}")
    assert twice.parameter_count == 2
    assert twice.preview(["a", "b"]) == "【一砂】b a b"


def test_a_parameter_that_looks_like_a_placeholder_is_shown_as_it_is() -> None:
    assert template(body="{0}{1}").preview(["{1}", "x"]) == "【一砂】{1}x"


def test_a_text_without_placeholders_takes_no_parameter() -> None:
    plain = template(body="Hello")
    assert plain.check([]) is None
    assert plain.check(["x"]) is not None


@pytest.mark.parametrize(
    ("units", "billed"), [(0, 1), (1, 1), (69, 1), (70, 1), (71, 2), (133, 2), (134, 2), (135, 3), (201, 3), (202, 4), (500, 8)]
)
def test_an_sms_is_billed_by_70_units_or_else_by_67(units: int, billed: int) -> None:
    assert segments("码" * units) == billed


@pytest.mark.parametrize(
    ("text", "billed"), [("码" * 68 + SMILE, 1), ("码" * 69 + SMILE, 2), ("码" * 132 + SMILE, 2), ("码" * 133 + SMILE, 3)]
)
def test_an_emoji_counts_as_two_units_at_every_bound(text: str, billed: int) -> None:
    assert segments(text) == billed


@given(st.text(max_size=600))
def test_segments_hold_the_text_and_no_more_than_needed(text: str) -> None:
    units, count = utf16_units(text), segments(text)
    assert units <= (70 if count == 1 else 67 * count)
    assert count <= 2 or units > 67 * (count - 1)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_units_are_code_points_plus_those_outside_the_basic_plane(text: str) -> None:
    assert utf16_units(text) == len(text) + sum(ord(char) > 0xFFFF for char in text)


@pytest.mark.parametrize(("status", "signature_units"), [(Approval.APPROVED, 4), (Approval.PENDING, 5)])
def test_the_signature_counts_in_the_length(status: Approval, signature_units: int) -> None:
    text = template(body="{0}", status=status)
    assert segments(text.preview(["x" * (70 - signature_units)])) == 1
    assert segments(text.preview(["x" * (71 - signature_units)])) == 2


def test_the_carriers_limit_counts_units_and_not_characters() -> None:
    text = template(body="{0}")
    assert text.check([SMILE * 248]) is None
    problem = text.check([SMILE * 248 + "x"])
    assert problem is not None
    assert "501" in problem.reason


@pytest.mark.parametrize("count", [0, 2])
def test_a_wrong_number_of_parameters_is_told_with_both_numbers(count: int) -> None:
    problem = template().check(["7391"] * count)
    assert str(problem) == f"params: {count} given, template 0000000 takes 1"


@pytest.mark.parametrize(
    "body", ["{1}", "{0} {2}", "{00}", "{0} {00}", "{０}", "{x}", "{0", "0}", "{ 0 }", "{{0}}", "{}", "", "x" * 501, "【x】{0}"]
)
def test_a_body_the_vendor_would_not_understand_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="body"):
        template(body=body)


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1},
        {"id": ""},
        {"id": "a b"},
        {"signature": ""},
        {"signature": "【x】"},
        {"signature": "x" * 21},
        {"status": "done"},
    ],
)
def test_a_wrong_key_is_refused_by_its_name(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        template(**change)


def test_no_file_is_an_empty_registry() -> None:
    assert load_registry(None) == {}


def test_a_registry_gives_templates_by_their_id(tmp_path: Path) -> None:
    registry = load(tmp_path, ROW + ROW.replace("0000000", "0000001").replace('lane = "otp"\n', ""))
    assert set(registry) == {"0000000", "0000001"}
    assert (registry["0000000"].lane, registry["0000001"].lane) == (Lane.OTP, None)
    assert registry["0000000"].preview(["1234", "5"]) == "【一砂】您的验证码为：1234，5分钟内有效。"


def test_every_problem_of_a_registry_is_told_with_its_place(tmp_path: Path) -> None:
    wrong = ROW.replace('"0000000"', "5") + ROW + ROW.replace('"approved"', '"perhaps"').replace("0000000", "2") + ROW
    assert refused(tmp_path, wrong) == ["template[0].id", "template[2].status", "template[3].id"]


@pytest.mark.parametrize("text", ["", "x = 1", "template = 5", ROW + "[other]\n"])
def test_a_file_that_is_no_registry_is_refused(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == ["template"]


@pytest.mark.parametrize("content", [b"[[template", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "templates.toml"
    file.write_bytes(content)
    with pytest.raises(Rejection, match=r"templates\.toml: not a TOML file"):
        load_registry(file)


def test_an_unknown_key_of_a_template_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, ROW + 'laen = "otp"\n') == ["template[0].laen"]


def test_full_width_is_off_unless_the_registry_says_so(tmp_path: Path) -> None:
    assert load(tmp_path, ROW)["0000000"].full_width is False
    assert (
        load(tmp_path, ROW + "full_width = true\n")["0000000"].preview(["a,b", "'"])
        == "【一砂】您的验证码为：a，b，＇分钟内有效。"
    )
    assert refused(tmp_path, ROW + 'full_width = "yes"\n') == ["template[0].full_width"]
