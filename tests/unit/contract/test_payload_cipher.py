"""Sealing and opening, for any text, any id and any keys of a ring."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.key_name import key_name
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.payload_cipher import CALLBACK, PAYLOAD, PLAIN, UNDECODABLE, CannotOpen, PayloadCipher, sealed_by

OLD, NEW = b"an old key of payloads", b"a new key of payloads!"
ID = "428912e6-7d84-58f4-b67b-a3fe7fc2cea5"
TEXT = '{"to":"+8613912345678","params":["394021"]}'
texts = st.text(st.characters(exclude_categories=()), max_size=200)  # lone surrogates included: a kept body may hold them


def cipher(*keys: bytes) -> PayloadCipher:
    return PayloadCipher(KeyRing(*keys))


@given(texts, st.text(max_size=40).filter(lambda one: one.isprintable()))
def test_what_was_sealed_is_opened_again(text: str, any_id: str) -> None:
    sealed = cipher(NEW).seal(PAYLOAD, any_id, text)
    assert cipher(NEW).open(PAYLOAD, any_id, sealed) == text


@given(texts)
def test_a_sealed_text_is_ascii_names_its_key_and_shows_nothing(text: str) -> None:
    sealed = cipher(NEW).seal(PAYLOAD, ID, text)
    assert re.fullmatch(r"1[\w-]+", sealed, re.ASCII)
    assert sealed_by(sealed) == key_name(NEW)
    assert len(text) < 4 or text not in sealed


def test_a_payload_costs_a_third_and_43_characters_more() -> None:
    assert len(cipher(NEW).seal(PAYLOAD, ID, TEXT)) <= len(TEXT) * 4 / 3 + 43


def test_the_same_text_is_never_sealed_alike_unless_it_has_to_be() -> None:
    sealing = cipher(NEW)
    assert sealing.seal(PAYLOAD, ID, TEXT) != sealing.seal(PAYLOAD, ID, TEXT)
    assert sealing.seal(CALLBACK, ID, TEXT, repeatable=True) == sealing.seal(CALLBACK, ID, TEXT, repeatable=True)
    assert sealing.seal(CALLBACK, ID, TEXT, repeatable=True) != sealing.seal(CALLBACK, ID, TEXT + " ", repeatable=True)


def test_each_text_gets_a_nonce_of_its_own() -> None:
    sealing = cipher(NEW)
    assert len({sealing.seal(PAYLOAD, ID, TEXT)[5:21] for _ in range(1000)}) == 1000


def test_an_older_key_of_the_ring_still_opens() -> None:
    sealed = cipher(OLD).seal(PAYLOAD, ID, TEXT)
    assert cipher(NEW, OLD).open(PAYLOAD, ID, sealed) == TEXT
    assert sealed_by(cipher(NEW, OLD).seal(PAYLOAD, ID, TEXT)) == key_name(NEW)


def test_a_key_that_is_missing_is_named() -> None:
    sealed = cipher(OLD).seal(PAYLOAD, ID, TEXT)
    for without in (cipher(NEW), PLAIN):
        with pytest.raises(CannotOpen, match=f"payload key {key_name(OLD)}, which is not given here"):
            without.open(PAYLOAD, ID, sealed)


@pytest.mark.parametrize(("purpose", "any_id"), [(PAYLOAD, ID[:-1] + "6"), (UNDECODABLE, ID)])
def test_a_sealed_text_opens_for_its_own_id_and_purpose_only(purpose: str, any_id: str) -> None:
    sealed = cipher(NEW).seal(PAYLOAD, ID, TEXT)
    with pytest.raises(CannotOpen, match="damaged, or not this one's"):
        cipher(NEW).open(purpose, any_id, sealed)


@given(st.integers(5, 5 + 28), st.sampled_from("AQgw09-_"))
def test_a_changed_character_is_noticed(place: int, other: str) -> None:
    sealed = cipher(NEW).seal(PAYLOAD, ID, TEXT)
    changed = sealed[:place] + ("B" if sealed[place] == other else other) + sealed[place + 1 :]
    with pytest.raises(CannotOpen):
        cipher(NEW).open(PAYLOAD, ID, changed)


@given(texts)
def test_without_keys_nothing_is_sealed_and_what_is_plain_is_read(text: str) -> None:
    assert PLAIN.seal(PAYLOAD, ID, text) == text
    if sealed_by(text) is None:
        assert cipher(NEW).open(PAYLOAD, ID, text) == PLAIN.open(PAYLOAD, ID, text) == text


def test_nothing_that_is_printed_shows_a_key_or_a_text() -> None:
    sealed = cipher(OLD).seal(PAYLOAD, ID, TEXT)
    with pytest.raises(CannotOpen) as closed:
        cipher(NEW).open(PAYLOAD, ID, sealed)
    shown = f"{cipher(NEW)!r} {closed.value}"
    assert not any(secret in shown for secret in (NEW.decode(), OLD.decode(), sealed, "139"))


def test_an_app_without_keys_never_loads_the_library() -> None:
    loaded = "'cryptography.hazmat.primitives.ciphers.aead' in sys.modules"  # redis imports the package's outermost module
    code = f"import sys, smsrelay; smsrelay.Enqueuer; sys.exit({loaded})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
