"""Masking: what may be kept of a vendor's own words about a submit, so that a cap, a template and a balance can be told apart.

Enters: the text as it came, and every value that was submitted. Leaves: a few of its words, at most ``LIMIT`` bytes, or None.
Escapes are undone first. Only Chinese characters, plain Latin words and common punctuation can be kept at all: no digit, no URL,
no signature in 【】, no word with a digit or a foreign letter in it, nothing as long as a key. Of these goes whatever is or holds
a part of a submitted value, however it is written: full width, spaced out, in other case, in Chinese numerals, in base64 or hex.
What is left is masked again until nothing changes. In doubt nothing is kept. Not looked for: translations ("five", pinyin).
"""

import base64
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

LIMIT = 58  # bytes of UTF-8: twenty Chinese characters. With its attempt a field of 64, which Redis holds compactly
_LONGEST = 1000  # characters, before and after escapes are undone; what is longer is no sentence for a person
_ROUNDS = 6
_LONGEST_WORD = 24  # letters
_SHORT_NAME = 4  # Chinese characters; of a value so short every single one goes
_LATIN_GRAM, _CHINESE_GRAM = 4, 2  # characters in a row that text and value may not share
_NUMERALS = str.maketrans("〇零一二三四五六七八九壹贰貳叁參肆伍陆陸柒捌玖", "00123456789122334566789")
_SPOKEN = 3  # Chinese numerals in a row that may be a number read out
_PUNCTUATION = frozenset(" ,.:;!?()-_'。、")
_MARK = "…"
_GAPS = re.compile(rf"{_MARK}(?: *{_MARK})+")
_ESCAPE = re.compile(r"(?:\\u|%u|\\U0000|U\+)\{?([0-9A-Fa-f]{4,6})\}?|\\x([0-9A-Fa-f]{2})|\\([0-7]{3})")
_BESIDE_A_GAP = re.compile(r"[.…]*…[.…]*")  # full stops, of which normalising would make another mark
_SIGNATURE = re.compile(r"【[^】]*】?")
_CHUNK = re.compile(r"[A-Za-z0-9_\-+/=.%&?:@#~]+")
_ADDRESS = re.compile(r"://|@|/.*/|^[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+$|^(?=.*[0-9]).{12,}$")
_WORD = re.compile(r"[^\W\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_CHINESE = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def masked(text: str, values: Sequence[str]) -> str | None:
    """The words of ``text`` that may be kept beside ``values``, or None."""
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
    """The text without escapes, in one form of each character; None when they are nested too deep."""
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
    """Nothing for what has no width of its own, a space for what breaks lines."""
    kind = unicodedata.category(sign)
    return "" if kind in {"Cf", "Mn", "Me"} else " " if kind in {"Cc", "Zs", "Zl", "Zp"} else sign


@dataclass(frozen=True, slots=True)
class _Bones:
    """A text without case, separators and kinds of digits; and where in the text each of its characters stands."""

    text: str
    places: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "_Bones":
        found = [(part, place) for place, sign in enumerate(text) if sign.isalnum() for part in _plain(sign)]
        return cls("".join(part for part, _ in found), tuple(place for _, place in found))

    def spans(self, part: str) -> Iterator[tuple[int, int]]:
        """Where the part stands in the text: first place, and the one behind the last."""
        start = self.text.find(part)
        while start >= 0:
            yield self.places[start], self.places[start + len(part) - 1] + 1
            start = self.text.find(part, start + 1)

    def numerals(self) -> Iterator[tuple[int, int]]:
        """Where numbers stand that may be read out."""
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
    """What of the submitted values may not be found."""

    parts: frozenset[str]  # of bones
    alone: frozenset[str]  # values of one character: a gap in a word would tell them
    signs: frozenset[str]  # of values that are nothing but punctuation

    @property
    def mark(self) -> str:
        """What shows a gap."""
        return " " if _MARK in self.signs else _MARK

    @classmethod
    def of(cls, values: Iterable[str]) -> "_Values":
        parts, alone, signs = set[str](), set[str](), set[str]()
        for value in values:
            for form in {value, _decoded(value) or value}:
                bones = _Bones.of(_decoded(form) or form).text
                parts |= {*_grams(bones), *_codings(form)}
                alone |= {bones} if len(bones) == 1 and not bones.isdecimal() else set()
                signs |= set() if bones else set(form)
        return cls(frozenset(filter(None, parts)), frozenset(alone), frozenset(signs))


def _grams(bones: str) -> Iterator[str]:
    if len(bones) <= _SHORT_NAME and _CHINESE.search(bones):
        yield from bones
    for start in range(len(bones)):
        size = _CHINESE_GRAM if _CHINESE.search(bones[start : start + 2]) else _LATIN_GRAM
        if start == 0 or start + size <= len(bones):
            yield bones[start : start + size]


def _codings(value: str) -> Iterator[str]:
    """The value in base64 and hex; a longer one is no word anyway."""
    raw = value.encode("utf-8", "replace")
    yield _Bones.of(base64.b64encode(raw).decode()).text
    yield _Bones.of(base64.urlsafe_b64encode(raw).decode()).text
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
    """What goes before words are looked at."""
    bones = _Bones.of(text)
    for part in values.parts:
        yield from bones.spans(part)
    yield from bones.numerals()
    for found in _SIGNATURE.finditer(text):
        yield found.span()
    for found in _CHUNK.finditer(text):
        if _ADDRESS.search(found[0]):
            yield found.span()
    for run in _CHINESE.finditer(text):
        if any(sign in _Bones.of(run[0]).text for sign in values.alone):
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
