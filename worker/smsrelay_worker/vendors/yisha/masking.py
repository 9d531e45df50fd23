"""Masks the vendor's own wording about a submit: enough stays to tell a frequency cap from a bad template or an empty balance.

Takes the text as received and every submitted value. Returns the words that may be kept, at most ``LIMIT`` bytes, or None.
Escapes are decoded first. Only Chinese characters, plain Latin words and common punctuation can stay: no digits, no URLs, no
signature in 【】, no word with a digit or a foreign letter in it, nothing as long as a key. From these, everything that is or
contains part of a submitted value is removed, however it is written: full width, spaced out, in other case, in Chinese numerals,
in base64 or hex. The result is masked again until nothing changes. When in doubt, nothing is kept. Translations of a value
("five", pinyin) are not recognised.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

LIMIT = 58  # bytes of UTF-8, about twenty Chinese characters. With the attempt it fits in 64, which Redis stores compactly
_LONGEST = 1000  # characters, before and after decoding escapes; a longer text is not a sentence meant for people
_ROUNDS = 6
_LONGEST_WORD = 24  # letters
_SHORT_NAME = 4  # Chinese characters; of a value this short every single character is removed
_LATIN_GRAM, _CHINESE_GRAM = 4, 2  # consecutive characters that text and value may not share
_NUMERALS = str.maketrans("〇零一二三四五六七八九壹贰貳叁參肆伍陆陸柒捌玖", "00123456789122334566789")
_SPOKEN = 3  # consecutive Chinese numerals that may be a number read aloud
_PUNCTUATION = frozenset(" ,.:;!?()-_'。、")
_MARK = "…"
_GAPS = re.compile(rf"{_MARK}(?: *{_MARK})+")
_ESCAPE = re.compile(r"(?:\\u|%u|\\U0000|U\+)\{?([0-9A-Fa-f]{4,6})\}?|\\x([0-9A-Fa-f]{2})|\\([0-7]{3})")
_BESIDE_A_GAP = re.compile(r"[.…]*…[.…]*")  # full stops that normalising would turn into another gap mark
_SIGNATURE = re.compile(r"【[^】]*】?")
_CHUNK = re.compile(r"[A-Za-z0-9_\-+/=.%&?:@#~]+")
_ADDRESS = re.compile(r"://|@|/.*/|^[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+$|^(?=.*[0-9]).{12,}$")
_WORD = re.compile(r"[^\W\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_CHINESE = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def masked(text: str, values: Sequence[str]) -> str | None:
    """The part of ``text`` that may be kept and reveals none of ``values``, or None."""
    plain = _decoded(text) if len(text) <= _LONGEST else None
    if plain is None or len(plain) > _LONGEST:
        return None
    hidden = _Values.of(values)
    for _ in range(_ROUNDS):
        kept = _once(plain, hidden)
        if kept == plain:
            return _bounded(kept, hidden.mark) if re.search(r"[^\W_]", kept) else None
        plain = kept
    return None


def _decoded(text: str) -> str | None:
    """The text with escapes decoded and characters normalised; None when escapes are nested too deep."""
    for _ in range(_ROUNDS):
        inner = unquote(html.unescape(_ESCAPE.sub(_escaped, text)))
        if inner == text:
            composed = unicodedata.normalize("NFKC", text).replace("...", _MARK)
            return "".join(_visible(sign) for sign in composed)
        text = inner
    return None


def _escaped(found: re.Match[str]) -> str:
    code = int(found[1] or found[2] or "0", 16) or int(found[3] or "0", 8)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"


def _visible(sign: str) -> str:
    """Empty for zero-width characters, a space for line breaks and other separators, else the character."""
    kind = unicodedata.category(sign)
    return "" if kind in {"Cf", "Mn", "Me"} else " " if kind in {"Cc", "Zs", "Zl", "Zp"} else sign


@dataclass(frozen=True, slots=True)
class _Reduced:
    """A text without case, accents and separators and with ASCII digits; and the place of each character in the original."""

    text: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "_Reduced":
        found = [(part, place) for place, sign in enumerate(text) if sign.isalnum() for part in _plain(sign)]
        return cls("".join(part for part, _ in found), tuple(place for _, place in found))

    def spans(self, part: str) -> Iterator[tuple[int, int]]:
        """Where the part occurs in the original: first place, and the one after the last."""
        start = self.text.find(part)
        while start >= 0:
            yield self.places[start], self.places[start + len(part) - 1] + 1
            start = self.text.find(part, start + 1)

    def numerals(self) -> Iterator[tuple[int, int]]:
        """Where runs of digits occur: in the original they may be Chinese numerals, a number read aloud."""
        for run in re.finditer(rf"[0-9]{{{_SPOKEN},}}", self.text):
            yield self.places[run.start()], self.places[run.end() - 1] + 1


def _plain(sign: str) -> str:
    digit = unicodedata.digit(sign, None)
    if digit is not None:
        return str(digit)
    letters = unicodedata.normalize("NFKD", sign.translate(_NUMERALS).casefold())  # without accents
    return "".join(letter for letter in letters if letter.isalnum())


@dataclass(frozen=True, slots=True)
class _Values:
    """What must not show of the submitted values."""

    parts: frozenset[str]  # parts of reduced values
    alone: frozenset[str]  # values of one character: a gap inside a word would reveal them
    signs: frozenset[str]  # characters of values that are punctuation only

    @property
    def mark(self) -> str:
        """What stands for a gap."""
        return " " if _MARK in self.signs else _MARK

    @classmethod
    def of(cls, values: Iterable[str]) -> "_Values":
        parts, alone, signs = set[str](), set[str](), set[str]()
        for value in values:
            for form in {value, _decoded(value) or value}:
                reduced = _Reduced.of(_decoded(form) or form).text
                parts |= {*_grams(reduced), *_codings(form)}
                alone |= {reduced} if len(reduced) == 1 and not reduced.isdecimal() else set()
                signs |= set() if reduced else set(form)
        return cls(frozenset(filter(None, parts)), frozenset(alone), frozenset(signs))


def _grams(reduced: str) -> Iterator[str]:
    if len(reduced) <= _SHORT_NAME and _CHINESE.search(reduced):
        yield from reduced
    for start in range(len(reduced)):
        size = _CHINESE_GRAM if _CHINESE.search(reduced[start : start + 2]) else _LATIN_GRAM
        if start == 0 or start + size <= len(reduced):
            yield reduced[start : start + size]


def _codings(value: str) -> Iterator[str]:
    """The value in base64 and hex. Longer encodings are never a plain word, so they go anyway."""
    raw = value.encode("utf-8", "replace")
    yield _Reduced.of(base64.b64encode(raw).decode()).text
    yield _Reduced.of(base64.urlsafe_b64encode(raw).decode()).text
    yield raw.hex()


def _once(text: str, values: _Values) -> str:
    gone = bytearray(len(text))
    for start, end in _spans(text, values):
        gone[start:end] = b"\1" * (end - start)
    for word in _WORD.finditer(text):
        if any(gone[word.start() : word.end()]) or not _is_plain_word(word[0]):
            gone[word.start() : word.end()] = b"\1" * len(word[0])
    kept = [sign if not lost and _may_stand(sign, values) else values.mark for sign, lost in zip(text, gone, strict=True)]
    return " ".join(_BESIDE_A_GAP.sub(_MARK, _GAPS.sub(_MARK, "".join(kept))).split())


def _spans(text: str, values: _Values) -> Iterator[tuple[int, int]]:
    """Spans that are removed before single words are checked."""
    reduced = _Reduced.of(text)
    for part in values.parts:
        yield from reduced.spans(part)
    yield from reduced.numerals()
    for found in _SIGNATURE.finditer(text):
        yield found.span()
    for found in _CHUNK.finditer(text):
        if _ADDRESS.search(found[0]):
            yield found.span()
    for run in _CHINESE.finditer(text):
        if any(sign in _Reduced.of(run[0]).text for sign in values.alone):
            yield run.span()


def _is_plain_word(word: str) -> bool:
    letters = word.replace("_", "")
    return letters.isascii() and (letters.isalpha() or not letters) and len(letters) <= _LONGEST_WORD


def _may_stand(sign: str, values: _Values) -> bool:
    allowed = sign in _PUNCTUATION or _CHINESE.fullmatch(sign) or (sign.isascii() and sign.isalpha())
    return bool(allowed) and sign.isprintable() and sign not in values.signs


def _bounded(text: str, mark: str) -> str:
    raw = text.encode()
    if len(raw) <= LIMIT:
        return text
    return raw[: LIMIT - len(mark.encode())].decode("utf-8", "ignore").rstrip(f" {mark}") + mark.strip()
