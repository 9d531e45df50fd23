"""Numbers: the short way for mainland mobiles says what the long way and the numbering tables say."""

import re
import unicodedata

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from smsrelay.contract.phone_number import e164

MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.PERSONAL_NUMBER}

national = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
shapes = st.sampled_from(["{}", "+86{}", "86{}", "0086{}", "+86 {}", " {} ", "0{}"])
MARKS = [
    ".",
    "-",
    " ",
    "(",
    "/",
    ",",
    "x",
    "²",
    "\N{MINUS SIGN}",
    "\N{NO-BREAK SPACE}",
    "\t",
    "\n",
    "#",
    ";ext=",
    "．",
    ". ",
    " (",
]
UNSEEN = ["\u200b", "\u200e", "\u202a", "\u202c", "\u2060", "\ufeff", "\u00ad", "\u200d", "\u2069"]
ALPHABET = "0123456789" * 3 + "+.-() 868600,E²１٣\u200b\u2212\t\n①½"
anything = st.from_regex(r"\+?[0-9]{1,15}", fullmatch=True)


def listed(written: str) -> str | None:
    """What the numbering tables make of a number written in China; none when it is no mobile."""
    try:
        parsed = phonenumbers.parse(written, "CN")
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.number_type(parsed) not in MOBILE:
        return None
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def taken(written: str) -> str | None:
    try:
        return e164(written)
    except ValueError:
        return None


@given(shapes, national)
def test_a_mainland_mobile_is_the_same_number_however_it_is_written(shape: str, number: str) -> None:
    assert e164(shape.format(number)) == e164(number) == f"+86{number}"


@given(st.one_of(anything, st.builds(str.format, shapes, national)))
@example("13800138000")
@example("+8613800138000")
@example("+85251234567")
@example("008613800138000")
def test_whatever_the_numbering_tables_take_is_taken_as_the_same_number(written: str) -> None:
    known = listed(written)
    ours = taken(written)
    if known is not None and (ours is not None or known.startswith("+86")):
        assert ours == known


@given(anything)
def test_what_only_we_take_is_a_mainland_mobile_by_its_shape(written: str) -> None:
    ours = taken(written)
    if ours is not None and listed(written) is None:
        assert ours[:4] in {f"+86{digit}" for digit in "1"}
        assert len(ours) == len("+8613800138000")


@pytest.mark.parametrize("written", ["12800138000", "1380013800", "138001380000", "+8612800138000", "1 38", "１２"])
def test_what_has_another_shape_is_refused_without_being_quoted(written: str) -> None:
    with pytest.raises(ValueError, match=r"^not a (phone|mobile) number") as refused:
        e164(written)
    assert written not in str(refused.value)


@pytest.mark.parametrize("written", ["13800138000.0", "13800138000.00", "8613800138000.0", "13800138000.", "+86 138-0013-8000.0"])
def test_zeros_behind_the_point_of_a_whole_number_are_no_digits(written: str) -> None:
    assert e164(written) == "+8613800138000"


@given(national, st.integers(1, 10), st.sampled_from(MARKS), st.text("0123456789", min_size=1, max_size=4))
@example("13800138000", 10, ".", "0")
@example("13800138000", 9, ".", "00")
@example("13800138000", 9, "-", "12")
@example("13800138000", 10, "²", "")
def test_digits_behind_a_number_that_is_too_short_never_complete_it(number: str, kept: int, mark: str, appended: str) -> None:
    """A decimal, an extension, a footnote: what stands behind is never read as the digits that are missing."""
    if len(number[:kept] + appended) == len(number) and len(appended) > 3:
        return  # 1380013-8000 is how people group a number
    for prefix in ("", "+86", "86", "0086", "+86 "):
        assert taken(f"{prefix}{number[:kept]}{mark}{appended}") is None


@given(st.text(alphabet=ALPHABET, max_size=24))
@example("1380013800²")
@example("+54 11 15 2345-6789")
@example("+0085251234567")
@example("1380013800.5")
@example("+86138001380.12")
@example("138\n00138000")
def test_the_digits_of_a_number_are_the_written_ones(written: str) -> None:
    number = taken(written)
    if number is None:
        return
    digits = "".join(str(unicodedata.decimal(one)) for one in re.sub(r"\.0*$", "", written.strip()) if one.isdecimal())
    own = digits.removeprefix("00").removeprefix("86") if number.startswith("+86") else digits.removeprefix("00")
    countries = {number[1:length] for length in (2, 3, 4)}
    trunks = {f"{country}{trunk}{number[1 + len(country) :]}" for country in countries for trunk in ("0", "8", "1", "06")}
    assert own.removeprefix("0") == number[3:] if number.startswith("+86") else own in {number[1:]} | trunks


@given(national, st.lists(st.tuples(st.integers(0, 11), st.sampled_from(UNSEEN)), max_size=6))
def test_what_nobody_sees_around_or_inside_a_number_is_dropped(number: str, unseen: list[tuple[int, str]]) -> None:
    written = number
    for place, character in unseen:
        written = written[:place] + character + written[place:]
    assert e164(written) == f"+86{number}"


@pytest.mark.parametrize(
    "written", ["\u202d+86 138-0013-8000\u202c", "138\u22120013\u22128000", "\ufeff１３８\u200b－00138000\u00ad"]
)
def test_a_number_as_a_phones_contacts_and_word_hand_it_over(written: str) -> None:
    assert e164(written) == "+8613800138000"


@pytest.mark.parametrize("digits", ["٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "０１２３４５６７８９", "०१२३४५६७८९"])
def test_decimal_digits_of_every_script_are_digits(digits: str) -> None:
    assert e164("13800138000".translate(str.maketrans("0123456789", digits))) == "+8613800138000"
    assert e164("+852 51234567".translate(str.maketrans("0123456789", digits))) == "+85251234567"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1380013800.0", "looks like a decimal number"),
        ("138.0013.0000", "looks like a decimal number"),
        ("1380013800.5", "looks like a decimal number"),
        ("1.39E+10", "in scientific notation"),
        ("1,39e10", "in scientific notation"),
        ("13,900,000,001", "U+002C COMMA at character 3"),
        ("13800138000/13900139000", "U+002F SOLIDUS at character 12"),
        ("13800138000 ::: 13900139000", "U+003A COLON at character 13"),
        ("'13800138000", "U+0027 APOSTROPHE at character 1"),
        ("138001\n38000", "U+000A at character 7"),
        ("13800138000x5", "a letter"),
        ("13800138000转5", "a letter"),
        ("1380013800²", "a digit other than 0 to 9"),
        ("1380013800 0", "look like an extension"),
        ("1380013800(0)", "look like an extension"),
        ("1380013800 0.0", "look like an extension"),
        ("1380013800.0.0", "looks like a decimal number"),
        ("138001380-12", "look like an extension"),
        ("1-650-253-0000", "its first digit looks like a country code"),
        ("1 (650) 253-0000", "its first digit looks like a country code"),
        ("", "it is empty"),
        ("1" * 65, "it has 65 characters"),
    ],
)
def test_the_reason_says_what_stands_in_the_way(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^not a phone number: ") as refused:
        e164(written)
    assert said in str(refused.value)
    assert not written or written not in str(refused.value)


@pytest.mark.parametrize("written", ["+54 11 15 2345-6789", "+55 0 15 11 91234-5678"])
def test_a_number_whose_digits_the_numbering_tables_would_replace_is_refused(written: str) -> None:
    assert listed(written) is not None
    assert taken(written) is None
