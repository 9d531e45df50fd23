"""Checks a value for a template's placeholder.

A problem names the offending character and its position, and nothing else of the value. The vendor's list of parameters knows no
escape, so a value can hold none of its delimiters. A comma or a quote can be replaced by its full-width form, when the template
is registered for that; what no template can carry is refused as soon as the job is made.
"""

import re

from smsrelay.contract.character import FORMAT_CLASS, character_name, invisible

_NEVER = re.compile(r"[\[\]【】\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # the vendor has no escape rule [V]
_REPLACEABLE = re.compile("[,']")
_FULL_WIDTH = str.maketrans(",'", "，＇")
_ALLOWED = "none of , ' [ ] 【 】 and no control character is allowed"
_WAY_OUT = "a template registered with full_width = true sends , and ' as ， and ＇"
LOST = "\N{REPLACEMENT CHARACTER}"  # written in place of a character that an encoding could not carry

# The same for JSON Schema, in regex syntax that every language supports: no astral characters, and joiners allowed anywhere.
_FORMAT_CLASS = FORMAT_CLASS.partition(r"\U")[0].replace(r"\u200b-\u200f", r"\u200b\u200e\u200f")
PATTERN = rf"^(?!\s)[^\[\]【】\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd{_FORMAT_CLASS}]+(?<!\s)$"


def fault(value: str) -> str | None:
    """Why the value cannot be a parameter of any template; ``None`` when it can."""
    forbidden = _NEVER.search(value)
    if forbidden is not None:
        return f"holds {placed(value, forbidden.start())}; {_ALLOWED}"
    if value != value.strip():
        return "begins or ends with a blank, which the vendor would drop"
    unseen = invisible(value)
    if unseen is not None:
        return f"holds {placed(value, unseen)}, which is invisible; remove it"
    if LOST in value:
        return f"holds {placed(value, value.index(LOST))}, which replaces a character lost in an encoding"
    return None


def delimiter_fault(value: str) -> str | None:
    """Why the vendor's list cannot carry the value as it is: it holds a comma or a quote; ``None`` when it can."""
    delimiter = _REPLACEABLE.search(value)
    return None if delimiter is None else f"holds {placed(value, delimiter.start())}; {_ALLOWED}; {_WAY_OUT}"


def full_width(value: str) -> str:
    """The value with each ``,`` as ``，`` and each ``'`` as ``＇``."""
    return value.translate(_FULL_WIDTH)


def placed(text: str, place: int) -> str:
    """The character at index ``place`` and its position for a person: ``U+002C COMMA at character 6``."""
    return f"{character_name(text[place])} at character {place + 1}"
