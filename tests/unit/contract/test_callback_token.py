"""The signed callback path: what we wrote is recognised, everything else is not, and nothing raises."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.callback_token import CallbackToken, token_from_path, verify
from smsrelay.contract.key_ring import KeyRing

KEYS, OTHERS = KeyRing(b"0123456789abcdef"), KeyRing(b"another key 4711")
MESSAGE_ID = "018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b"

message_ids = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789_.-", min_size=1, max_size=64)
attempts = st.integers(1, 9999)


def parts(token: CallbackToken, keys: KeyRing = KEYS) -> list[str]:
    return token.path(keys).removeprefix("/callback/").split("/")


@given(message_ids, attempts)
def test_a_path_we_wrote_names_its_message_and_attempt(message_id: str, attempt: int) -> None:
    token = CallbackToken(message_id, attempt)
    assert verify(KEYS, *parts(token)) == token


@given(message_ids, attempts, st.integers(0, 21), st.sampled_from("AZaz09-_"))
def test_a_changed_proof_is_not_ours(message_id: str, attempt: int, place: int, letter: str) -> None:
    message, number, mac = parts(CallbackToken(message_id, attempt))
    forged = mac[:place] + letter + mac[place + 1 :]
    assert (verify(KEYS, message, number, forged) is None) == (forged != mac)


def test_a_proof_holds_for_no_other_message_attempt_or_key() -> None:
    message, number, mac = parts(CallbackToken(MESSAGE_ID, 1))
    assert verify(KEYS, MESSAGE_ID[:-1] + "c", number, mac) is None
    assert verify(KEYS, message, "2", mac) is None
    assert verify(OTHERS, message, number, mac) is None


@pytest.mark.parametrize("attempt", ["0", "01", "-1", "+1", " 1", "1\n", "1_0", "१", "10000", "1.0", "x", ""])
def test_an_attempt_in_another_spelling_is_not_ours(attempt: str) -> None:
    mac = parts(CallbackToken(MESSAGE_ID, 1))[2]
    assert verify(KEYS, MESSAGE_ID, attempt, mac) is None


def test_a_proof_cannot_be_moved_to_another_split_of_the_same_letters() -> None:
    mac = parts(CallbackToken("a:1", 2))[2]
    assert verify(KEYS, "a", "1:2", mac) is None


@given(st.text(), st.text(), st.text())
def test_any_three_texts_are_refused_without_an_error(message_id: str, attempt: str, mac: str) -> None:
    assert verify(KEYS, message_id, attempt, mac) is None


@given(message_ids, attempts, st.lists(st.text(min_size=1), max_size=4), st.lists(st.integers(1, 3), min_size=4, max_size=4))
def test_a_path_of_ours_is_recognised_behind_any_prefix_and_between_any_slashes(
    message_id: str, attempt: int, prefix: list[str], slashes: list[int]
) -> None:
    token = CallbackToken(message_id, attempt)
    signed = "".join("/" * count + part for count, part in zip(slashes, parts(token), strict=False))
    assert token_from_path(KEYS, "/".join(["", *prefix]) + signed + "/" * (slashes[3] - 1)) == token


@given(st.text())
def test_any_other_path_is_refused_without_an_error(path: str) -> None:
    assert token_from_path(KEYS, path) is None
    assert token_from_path(KEYS, path + CallbackToken(MESSAGE_ID, 1).path(OTHERS)) is None


@given(message_ids, attempts, st.integers(100_000, 9_999_999))
def test_an_end_is_part_of_the_proof(message_id: str, attempt: int, ends: int) -> None:
    token = CallbackToken(message_id, attempt, ends)
    message, numbers, mac = parts(token)
    assert verify(KEYS, message, numbers, mac) == token
    assert verify(KEYS, message, str(attempt), mac) is None
    assert verify(KEYS, message, f"{attempt}-{ends + 1}", mac) is None


@given(st.integers(1_500_000_000_000, 4_000_000_000_000), st.integers(0, 3_600_000))
def test_a_url_is_good_until_its_instant_whatever_two_clocks_say_and_not_two_hours_longer(until: int, apart: int) -> None:
    token = CallbackToken.valid_until(MESSAGE_ID, 1, until)
    assert not token.expired(until + apart)
    assert token.expired(until + 2 * 3_600_000 + 1)


def test_a_token_without_an_end_is_good_for_ever() -> None:
    assert not CallbackToken(MESSAGE_ID, 1).expired(2**53)
