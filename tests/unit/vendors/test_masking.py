"""What is kept of a vendor's words: enough to tell reasons apart, and nothing of what was submitted, however it is spelt."""

import base64
import html
import json
import string
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smsrelay_worker.vendors.yisha.masking import LIMIT, masked

NUMBER = "+8613800138000"
PLAIN = (NUMBER, "482913", "5")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("业务异常", "业务异常"),
        ("余额不足", "余额不足"),
        ("模板0000000不存在", "模板…不存在"),
        ("号码13800138000发送频率超限，每天最多5条", "号码…发送频率超限,每天最多…条"),
        ("触发天级流控Permits:10", "触发天级流控Permits:…"),
        ("isv.BUSINESS_LIMIT_CONTROL", "isv.BUSINESS_LIMIT_CONTROL"),
        ("template parameter count does not match template 0012345", "template parameter count does not match template …"),
        ("Insufficient balance!\n", "Insufficient balance!"),
        ("内容【一砂】您的验证码是482913", "内容…您的验证码是…"),
        ("see https://sms.example/callback/m/1/aBcDeFgH or mail a@b.cn", "see … or mail …"),
        ("AppCode 0f1e2d3c4b5a69788796a5b4c3d2e1f0 rejected", "AppCode … rejected"),
    ],
)
def test_a_reason_stays_readable(said: str, kept: str) -> None:
    assert masked(said, PLAIN) == kept


@pytest.mark.parametrize("said", ["", " ", "。", "123", "…", "{}", "\x1b[31m", "【一砂】", "%E4", "十" * 3000, "a " * 1001])
def test_a_message_without_words_is_not_kept(said: str) -> None:
    assert masked(said, PLAIN) is None


@pytest.mark.parametrize(
    ("said", "value", "kept"),
    [
        ("变量张三超长", "张三", "变量…超长"),
        ("张*丰的手机", "张三丰", "…的手机"),  # as vendors mask a name themselves
        ("parameter Wangxiao… is too long", "Wangxiaoming", "parameter … is too long"),  # cut by the vendor
        ("A was not found in Apple", "A", "… not found in …"),  # a gap inside a word would tell the letter
        ("业务异常", "异", None),  # and so in a phrase that everybody knows
        ("五分钟内不得重发", "5", "…分钟内不得重发"),
        ("您好", "您好", None),
        ("Herr José", "Jose", "Herr …"),
        ("W a n g is bad", "wang", "… is bad"),
        ("成功。", "。", "成功…"),
    ],
)
def test_a_submitted_value_is_removed_and_cannot_be_guessed_from_its_context(said: str, value: str, kept: str | None) -> None:
    assert masked(said, (NUMBER, value)) == kept


def test_a_long_message_is_cut_and_marked_as_cut() -> None:
    kept = masked("模板参数与模板不匹配，" * 20, PLAIN)
    assert kept is not None
    assert len(kept.encode()) <= LIMIT
    assert kept.endswith("…")


# However a value may be spelt. A spelling of digits leaves the rest alone.
_CHINESE_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
_BANK_DIGITS = str.maketrans("0123456789", "〇壹贰叁肆伍陆柒捌玖")
_FULL_WIDTH = {ord(sign): chr(ord(sign) + 0xFEE0) for sign in string.printable[:94]}
SPELLINGS = {
    "as it is": lambda value: value,
    "upper case": str.upper,
    "lower case": str.lower,
    "full width": lambda value: value.translate(_FULL_WIDTH),
    "spaced": " ".join,
    "hyphened": "-".join,
    "dotted": "·".join,
    "in lines": "\n".join,
    "with nothing between": "\u200b".join,
    "percent": lambda value: "".join(f"%{byte:02X}" for byte in value.encode()),
    "percent as needed": lambda value: quote(value, safe=""),
    "percent twice": lambda value: quote(quote(value, safe=""), safe=""),
    "percent u": lambda value: "".join(f"%u{ord(sign):04x}" for sign in value),
    "escaped": lambda value: "".join(f"\\u{ord(sign):04x}" for sign in value),
    "escaped in braces": lambda value: "".join(f"\\u{{{ord(sign):04X}}}" for sign in value),
    "bytes": lambda value: "".join(f"\\x{ord(sign):02x}" if ord(sign) < 256 else sign for sign in value),
    "octal": lambda value: "".join(f"\\{ord(sign):03o}" if ord(sign) < 128 else sign for sign in value),
    "entities": lambda value: "".join(f"&#{ord(sign)};" for sign in value),
    "hex entities": lambda value: "".join(f"&#x{ord(sign):x};" for sign in value),
    "HTML": html.escape,
    "JSON": json.dumps,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "hex": lambda value: value.encode().hex(),
    "read out": lambda value: value.translate(_CHINESE_DIGITS),
    "as on a cheque": lambda value: value.translate(_BANK_DIGITS),
    "Arabic digits": lambda value: value.translate({ord(str(digit)): chr(0x660 + digit) for digit in range(10)}),
    "circled digits": lambda value: value.translate({ord(str(digit)): chr(0x245F + digit) for digit in range(1, 10)}),
    "halves": lambda value: f"{value[: len(value) // 2]} {value[len(value) // 2 :]}",
}
REASONS = [
    *("业务异常", "发送频率超限", "模板不存在", "余额不足", "号码", "参数错误：", "您好", "验证码", "每天最多五条"),
    *("template not found", "limit exceeded for ", "Invalid parameter: ", "mobile=", "【一砂】", "\\", "%", "&#", "u00", " "),
]
names = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=6)
words = st.text(string.ascii_letters, min_size=1, max_size=12)
digits = st.text(string.digits, min_size=1, max_size=8)
anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
params = st.one_of(names, words, digits, anything, st.sampled_from(["A", "您好", "5", "a", "u", "x", "异", "…", "。", "ß", "İ"]))


def bones(text: str) -> str:
    """What an eye reads, however it is set: an oracle of its own."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    for told in ("零一二三四五六七八九", "〇壹贰叁肆伍陆柒捌玖"):
        plain = plain.translate(str.maketrans(told, "0123456789"))
    plain = "".join(str(unicodedata.digit(sign, sign)) for sign in plain)
    return "".join(sign for sign in plain if sign.isalnum())


def leaks(kept: str, value: str) -> bool:
    if bones(value):
        return bones(value) in bones(kept)
    return any(sign in kept for sign in value if not sign.isspace())


@settings(max_examples=600)
@given(
    values=st.lists(params, min_size=1, max_size=3),
    told=st.lists(st.tuples(st.sampled_from(REASONS), st.sampled_from(sorted(SPELLINGS)), st.integers(0, 3)), max_size=6),
    end=st.sampled_from(REASONS),
)
@example(values=["ab"], told=[("a 1 b", "as it is", 0)], end="b")
@example(values=["…"], told=[("…", "as it is", 0)], end="模板不存在")
def test_nothing_that_was_submitted_survives_in_any_spelling(
    values: list[str], told: list[tuple[str, str, int]], end: str
) -> None:
    submitted = (NUMBER, *values)
    said = "".join(reason + SPELLINGS[how](submitted[place % len(submitted)]) for reason, how, place in told) + end
    kept = masked(said, submitted) or ""
    assert not any(leaks(kept, value) for value in submitted), kept
    assert not any(unicodedata.category(sign) in {"Nd", "No"} for sign in kept)
    assert all(sign.isprintable() and sign not in '|<>&%\\"`[]{}=/@' for sign in kept)
    assert len(kept.encode()) <= LIMIT


@given(st.text(st.characters()) | st.text("\ud800%E4\\u&#;x0【】aä张…", max_size=30), st.lists(st.text(), max_size=3))
def test_any_text_is_masked_or_dropped_without_an_exception(said: str, values: list[str]) -> None:
    kept = masked(said, (NUMBER, *values))
    assert kept is None or masked(kept, (NUMBER, *values)) in {kept, None}


@pytest.mark.parametrize("how", sorted(SPELLINGS))
@pytest.mark.parametrize("value", [NUMBER, "13800138000", "482913", "张三丰", "Zq81aW001k7Vx", "Wangxiaoming"])
def test_each_spelling_of_each_kind_of_value_is_found(how: str, value: str) -> None:
    kept = masked(f"参数 {SPELLINGS[how](value)} 错误", (NUMBER, value)) or ""
    assert not leaks(kept, value)
    assert kept.startswith("参数")
