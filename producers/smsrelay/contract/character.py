"""Unicode characters that cause trouble in input: invisible ones, and those that a terminal acts on.

Finds them, names them (``U+200B ZERO WIDTH SPACE``), removes them, or escapes them for printing.
"""

import re
import unicodedata

# Category Cf. Below it, letters and marks that render as nothing: fillers, the grapheme joiner, inherent vowels, Braille blank.
FORMAT_CLASS = (
    r"\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)
_INVISIBLE_CLASS = rf"{FORMAT_CLASS}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_SELECTOR_CLASS = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
_INVISIBLE = re.compile(f"[{_INVISIBLE_CLASS}]")
_SELECTOR = re.compile(f"[{_SELECTOR_CLASS}]")
_MAYBE_INVISIBLE = re.compile(f"[{_INVISIBLE_CLASS}{_SELECTOR_CLASS}]")
_FORMAT = re.compile(rf"[{FORMAT_CLASS}]+")
_ZWNJ, _ZWJ, _KEYCAP = "\u200c", "\u200d", "\u20e3"
_JOINERS = {_ZWNJ, _ZWJ}
_NEAR = 8  # characters before a joiner to look at: vowel signs may stand between it and its letter
_VIRAMA = 9  # canonical combining class


def invisible(text: str) -> int | None:
    """Index of the first character that is invisible and does not affect its neighbours; ``None`` without one.

    A joiner or a variation selector that shapes its neighbours is part of a word or an emoji and is allowed.
    """
    if text.isascii():
        return None
    found = (match.start() for match in _MAYBE_INVISIBLE.finditer(text))
    return next((place for place in found if not (_joins(text, place) or _selects(text, place))), None)


def without_format(text: str) -> str:
    """The text without characters of category Cf, which phones' contact lists and Word put around a number."""
    return text if text.isascii() else _FORMAT.sub("", text)


def character_name(character: str) -> str:
    """Code point and name of a character: ``U+002C COMMA``."""
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()


def terminal_acts_on(character: str) -> bool:
    """Whether a terminal may act on it: a control, a bidirectional mark, a line break, a lone surrogate."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def escaped(text: str) -> str:
    """Text that is safe on one line of a terminal: whatever it would act on is escaped (``\\x1b``)."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    spelled_out = terminal_acts_on(character) and character not in _JOINERS
    return character.encode("unicode_escape").decode() if spelled_out else character


def _joins(text: str, place: int) -> bool:
    """Whether this is a joiner where a script or an emoji needs one: after a virama, among Arabic letters, between pictures."""
    joiner, before, after = text[place], text[max(0, place - _NEAR) : place], text[place + 1 : place + 2] or " "
    if joiner not in _JOINERS or not before:
        return False
    if unicodedata.combining(before[-1]) == _VIRAMA:
        return True
    if _arabic(before):
        return joiner == _ZWJ or unicodedata.bidirectional(after) == "AL"
    picture = unicodedata.category(before[-1]) in {"So", "Sk"} or _SELECTOR.match(before[-1]) is not None
    return joiner == _ZWJ and picture and unicodedata.category(after) in {"So", "Sm"} and not after.isascii()


def _arabic(text: str) -> bool:
    """Whether the text ends with a letter of an Arabic script, ignoring vowel signs."""
    letters = text.rstrip("\u0610\u0611\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0653\u0654\u0655\u0670")
    return bool(letters) and unicodedata.bidirectional(letters[-1]) == "AL"


def _selects(text: str, place: int) -> bool:
    """Whether this is a variation selector after something it can vary: not ASCII (except in a keycap), nor another selector."""
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if not before or not _SELECTOR.match(text[place]) or _SELECTOR.match(before) or _INVISIBLE.match(before):
        return False
    return after == _KEYCAP or not (before.isascii() or before.isspace() or before.isdecimal())
