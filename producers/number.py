"""Phone numbers: whichever way people write one, in E.164.

Enters: text. Leaves: the number of one mobile phone in E.164. Fails with ``ValueError``, whose text never holds the number.
"""

import re
import unicodedata

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

# New mainland prefixes are in use before any numbering table lists them, so the shape decides there.
_MAINLAND = re.compile(r"(?:\+86|0086|86)?0?(1[3-9][0-9]{9})")
_PLAIN = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")  # as nearly all come: no need to look at them as text
_SEPARATORS = re.compile(r"[\s().\-\u2010-\u2015]")
# Anything else phonenumbers would spell out (letters) or leave out (words, a second number).
_WRITTEN = re.compile(r"\+?[\d\s().\-\u2010-\u2015]+")
_TEXTABLE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.PERSONAL_NUMBER}


def e164(number: str) -> str:
    """A textable number in E.164; mainland numbers may come without +86. Raises ``ValueError`` without the number."""
    plain = _PLAIN.fullmatch(number)
    if plain:
        return f"+86{plain[1]}"
    written = unicodedata.normalize("NFKC", number)  # digits of a Chinese keyboard are full-width
    mainland = _MAINLAND.fullmatch(_SEPARATORS.sub("", written))
    if mainland:
        return f"+86{mainland[1]}"
    parsed = _parsed(written)
    if parsed is None:
        raise ValueError("not a phone number; allowed: E.164, or a mainland number with or without +86")
    if parsed.country_code == 86 or phonenumbers.number_type(parsed) not in _TEXTABLE:
        raise ValueError("not a mobile number; allowed: E.164, or a mainland number with or without +86")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _parsed(written: str) -> PhoneNumber | None:
    if not _WRITTEN.fullmatch(written):
        return None
    try:
        return phonenumbers.parse(written, "CN")
    except phonenumbers.NumberParseException:
        return None
