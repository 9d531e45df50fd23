"""Suppression: names of lists, and entries as the store and a file hold them."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.key_name import key_names
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.suppression import (
    EVERYONE,
    SuppressedCount,
    Suppression,
    app_list,
    known_list,
    list_of_report,
    lists_of_sender,
    signature_list,
)

apps = st.text("abcXYZ019_.-", min_size=1, max_size=64)
signatures = st.text(st.characters(exclude_characters="【】\r\n", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: text == text.strip()
)
lists = st.one_of(st.just(EVERYONE), apps.map(app_list), signatures.map(signature_list))
ENTRY = Suppression("abcdefABCD-_", "app:shop", 1_764_300_000_000, "status.510", "aB3-")


@given(lists)
def test_the_name_of_a_list_is_known_again(name: str) -> None:
    assert known_list(name) == name


@pytest.mark.parametrize("name", ["", "shop", "app:", "app:two words", "sig:", "sig:【】", f"sig:{'长' * 21}", "app:a|b", "**"])
def test_what_is_no_list_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^a"):
        known_list(name)


def test_a_signature_may_be_given_as_a_phone_shows_it() -> None:
    assert signature_list("【云签】") == signature_list(" 云签 ") == "sig:云签"


def test_marketing_respects_the_lists_of_everyone_of_its_app_and_of_its_signature() -> None:
    assert lists_of_sender("shop", "云签") == ("*", "app:shop", "sig:云签")
    assert lists_of_sender("shop", None) == ("*", "app:shop")


@given(apps, st.none() | signatures)
def test_a_number_that_a_report_suppresses_is_on_a_list_that_its_sender_respects(app: str, signature: str | None) -> None:
    assert list_of_report(app, signature) in lists_of_sender(app, signature)


@given(lists, st.integers(0, 10**13))
def test_an_entry_is_read_as_it_was_written(name: str, since: int) -> None:
    one = replace(ENTRY, list=name, since=since)
    assert Suppression.decode(f"{one.digest}|{name}", f"{since}|{one.source}|{one.key_name}") == one
    assert Suppression.checked(one.digest, name, str(since), one.source, one.key_name) == one


@pytest.mark.parametrize(
    "cells",
    [
        ("+8613912345678", "*", "1", "import", ""),
        ("abcdefABCD-_", "shop", "1", "import", ""),
        ("abcdefABCD-_", "*", "-1", "import", ""),
        ("abcdefABCD-_", "*", "1", "in|port", ""),
        ("abcdefABCD-_", "*", "1", "import", "key of ours"),
    ],
)
def test_an_entry_that_the_store_could_not_hold_is_refused_and_not_quoted(cells: tuple[str, str, str, str, str]) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*(139|abcdef|in\|port|key of ours))"):
        Suppression.checked(*cells)


def test_an_entry_shows_no_digest() -> None:
    assert ENTRY.digest not in repr(ENTRY)


def test_numbers_under_a_key_that_has_left_the_ring_are_counted() -> None:
    old, new = key_names(KeyRing(b"an old number key", b"a new number key"))
    count = SuppressedCount("*", ((old, 3), (new, 4)))
    assert (count.numbers, count.under_others([new]), count.under_others([old, new])) == (7, 3, 0)
