"""Parses a phone number, however people write it, into E.164.

The result has the digits as written, in order, minus a dialling prefix (00 or a trunk prefix). Text that could mean something
else (a decimal, an extension, two numbers) is refused. Raises ``ValueError`` for anything but one mobile number; its text never
contains the number.
"""

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

from smsrelay.contract.character import character_name, without_format

# Carriers use new mainland prefixes before any numbering table lists them, so only the shape is checked.
_MAINLAND = re.compile(r"(?:\+86|0086|86)?0?(1[3-9][0-9]{9})")
_PLAIN = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")  # fast path: nearly all numbers look like this
_WRITTEN = re.compile(r"(?=[^()]*(?:\([^()]+\)[^()]*)*$)(?:\(?\+[ (]*[1-9])?[0-9 ().\-]+")  # one + at most, and brackets in pairs
_SEPARATORS = re.compile(r"[ ().\-]")
_SCIENTIFIC = re.compile(r"[0-9]+(?:[.,][0-9]+)?[Ee]\+?[0-9]+")
_WHOLE_DECIMAL = re.compile(r"(.+?)\. *0*")
_DECIMAL = re.compile(r"\+?[0-9]+\.[0-9]+|.*[0-9]{5}\.[0-9].*")
# A single last digit set apart, two or three of them after at least eight digits, or a bracketed group at the end.
_APPENDED = re.compile(r".*(?:[0-9][ ().\-]+[0-9]|[0-9]{8}[ ().\-]+[0-9]{2,3}|[0-9][^0-9(]*\([^()]*\))[ ().\-]*")

_AMERICAN = re.compile(r"[ (.\-]*1[ ().\-].*")  # 1-650-253-0000: only the grouping tells it from a mainland number
_AS_ASCII = str.maketrans("＋（）．\t", "+(). ") | dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63, 0xFF0D], "-")
_TEXTABLE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.PERSONAL_NUMBER}
_LONGEST = 64  # characters
_ALLOWED = "allowed: E.164, or a mainland number with or without +86"
_AS_TEXT = "make the column text in the spreadsheet"


def e164(number: str) -> str:
    """The mobile number in E.164; a mainland number may come without +86. Raises ``ValueError``, which does not quote it."""
    plain = _PLAIN.fullmatch(number)
    if plain:
        return f"+86{plain[1]}"
    if len(number) > _LONGEST:
        raise ValueError(f"not a phone number: it has {len(number)} characters; give exactly one number")
    written = _in_ascii(number).strip()
    if not _WRITTEN.fullmatch(written):
        raise ValueError(f"not a phone number{_unreadable_because(number, written)}")
    whole = _WHOLE_DECIMAL.fullmatch(written)
    grouped = whole[1] if whole else written
    mainland = _MAINLAND.fullmatch(_SEPARATORS.sub("", grouped))
    if (whole and not mainland) or _DECIMAL.fullmatch(grouped):
        raise ValueError(f"not a phone number: it looks like a decimal number; {_AS_TEXT}, or write it without dots")
    if _APPENDED.fullmatch(grouped):
        raise ValueError("not a phone number: its last digits look like an extension; give the number without one")
    if _AMERICAN.fullmatch(grouped):
        raise ValueError("not a phone number: its first digit looks like a country code; write + before it")
    return f"+86{mainland[1]}" if mainland else _abroad(_SEPARATORS.sub("", grouped))


def _in_ascii(number: str) -> str:
    """The text without invisible characters, with ASCII digits and separators."""
    if number.isascii():
        return number.replace("\t", " ")
    return "".join(map(_ascii, without_format(number).translate(_AS_ASCII)))


def _ascii(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return " " if unicodedata.category(character) == "Zs" else character


def _unreadable_because(number: str, written: str) -> str:
    """Why it cannot be parsed; names a punctuation mark or a control character, never a letter or a digit."""
    if not written:
        return ": it is empty"
    if _SCIENTIFIC.fullmatch(written):
        return f": it is in scientific notation, which drops digits; {_AS_TEXT}"
    for place, character in enumerate(number.rstrip(), 1):
        if not re.fullmatch(r"[0-9 +().\-]?", _in_ascii(character)) and number[:place].strip():
            mark = unicodedata.category(character)[0] in "PSCZ"
            found = f"{character_name(character)} at character {place}" if mark else "a letter, or a digit other than 0 to 9"
            return f": it holds {found}; give exactly one number"
    return f"; {_ALLOWED}"


def _abroad(digits: str) -> str:
    parsed = _parsed(digits)
    if parsed is None:
        raise ValueError(f"not a phone number; {_ALLOWED}")
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    mobile = parsed.country_code != 86 and phonenumbers.number_type(parsed) in _TEXTABLE
    if not mobile or not _same_digits(digits, parsed, number):
        raise ValueError(f"not a mobile number; {_ALLOWED}")
    return number


def _parsed(digits: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(digits, "CN")
    except phonenumbers.NumberParseException:
        return None


def _same_digits(digits: str, parsed: PhoneNumber, number: str) -> bool:
    """Whether parsing dropped at most a trunk prefix: for some countries the numbering tables replace digits."""
    national = number.removeprefix(f"+{parsed.country_code}")
    region = phonenumbers.region_code_for_number(parsed)
    trunk = phonenumbers.ndd_prefix_for_region(region, True) if region else None
    written = re.sub(r"^(?:\+|00)", "", digits)
    return written in {f"{parsed.country_code}{prefix}{national}" for prefix in ("", trunk or "")}
