"""Numbers: the short way for mainland mobiles says what the long way and the numbering tables say."""

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from producers.number import e164

MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.PERSONAL_NUMBER}

national = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
shapes = st.sampled_from(["{}", "+86{}", "86{}", "0086{}", "+86 {}", " {} ", "0{}"])
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
