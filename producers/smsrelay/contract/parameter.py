"""Checks a value for a template's placeholder.

A problem names the offending character and its position, and nothing else of the value.
"""

import re

from smsrelay.contract.character import FORMAT_CLASS, character_name, invisible

_DELIMITERS = re.compile(r"[,'\[\]【】\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # the vendor has no escape rule [V]
LOST = "\N{REPLACEMENT CHARACTER}"  # written in place of a character that an encoding could not carry

# The same for JSON Schema, in regex syntax that every language supports: no astral characters, and joiners allowed anywhere.
_FORMAT_CLASS = FORMAT_CLASS.partition(r"\U")[0].replace(r"\u200b-\u200f", r"\u200b\u200e\u200f")
PATTERN = rf"^(?!\s)[^,'\[\]【】\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd{_FORMAT_CLASS}]+(?<!\s)$"


def fault(value: str) -> str | None:
    """Why the value cannot be a parameter; ``None`` when it can."""
    delimiter = _DELIMITERS.search(value)
    if delimiter is not None:
        return f"holds {placed(value, delimiter.start())}; none of , ' [ ] 【 】 and no control character is allowed"
    if value != value.strip():
        return "begins or ends with a blank, which the vendor would drop"
    unseen = invisible(value)
    if unseen is not None:
        return f"holds {placed(value, unseen)}, which is invisible; remove it"
    if LOST in value:
        return f"holds {placed(value, value.index(LOST))}, which replaces a character lost in an encoding"
    return None


def placed(text: str, place: int) -> str:
    """The character at index ``place`` and its position for a person: ``U+002C COMMA at character 6``."""
    return f"{character_name(text[place])} at character {place + 1}"
