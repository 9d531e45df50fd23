"""Characters: which ones nobody sees, what they are called, and what a terminal gets in their place."""

import re
import sys
import unicodedata

import pytest

from smsrelay.contract.character import FORMAT_CLASS, character_name, escaped, invisible, without_format


def test_every_character_of_category_cf_is_known() -> None:
    known = re.compile(rf"[{FORMAT_CLASS}]")
    of_format = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"]
    assert [one for one in of_format if not known.match(one)] == []
    assert without_format("".join(of_format)) == ""
    assert [one for one in of_format if invisible(f"ab{one}cd") != 2] == []


def test_what_is_seen_is_not_taken_for_invisible() -> None:
    seen = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Lu", "Nd", "Po", "Sc", "Sm"}]
    assert [one for one in seen if invisible(one) is not None] == []


@pytest.mark.parametrize(
    ("character", "name"), [(",", "U+002C COMMA"), ("\x07", "U+0007"), ("\U0001f600", "U+1F600 GRINNING FACE")]
)
def test_a_character_has_the_name_that_unicode_gives_it(character: str, name: str) -> None:
    assert character_name(character) == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("张三 5 €", "张三 5 €"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\x9b2Jb", "a\\x9b2Jb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("a\u2028b\ud800", "a\\u2028b\\ud800"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\N{NO-BREAK SPACE}b", "a\N{NO-BREAK SPACE}b"),
    ],
)
def test_what_a_terminal_would_act_on_is_spelled_out(text: str, shown: str) -> None:
    assert escaped(text) == shown
