"""What a value for a template's placeholder may hold.

Takes one value. Returns what is wrong with it, in words that name the character and its place and nothing else of the value.
"""

import re

from smsrelay.contract.character import FORMAT_CLASS, invisible, named

_DELIMITERS = re.compile(r"[,'\[\]【】\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # no escape rule exists [V]
_LOST = "\N{REPLACEMENT CHARACTER}"

# The same for JSON Schema, in the syntax that all languages read: no astral characters, and joiners whatever stands beside them.
_FORMAT_CLASS = FORMAT_CLASS.partition(r"\U")[0].replace(r"\u200b-\u200f", r"\u200b\u200e\u200f")
PATTERN = rf"^(?!\s)[^,'\[\]【】\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd{_FORMAT_CLASS}]+(?<!\s)$"


def fault(value: str) -> str | None:
    """Why a value cannot be a parameter; ``None`` when it can."""
    delimiter = _DELIMITERS.search(value)
    if delimiter is not None:
        return f"holds {placed(value, delimiter.start())}; none of , ' [ ] 【 】 and no control character is allowed"
    if value != value.strip():
        return "begins or ends with a blank, which the vendor would lose"
    unseen = invisible(value)
    if unseen is not None:
        return f"holds {placed(value, unseen)}, which is invisible; remove it"
    if _LOST in value:
        return f"holds {placed(value, value.index(_LOST))}, which stands for one that was lost on the way here"
    return None


def placed(text: str, place: int) -> str:
    """A character and where it stands: ``U+002C COMMA at character 6``; ``place`` counts from 0, people from 1."""
    return f"{named(text[place])} at character {place + 1}"
