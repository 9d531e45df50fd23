"""KeyRing: the newest key signs, every listed one verifies, and no text shows a key."""

import copy
import pickle

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.callback_token import CallbackToken, token_from_path
from smsrelay.contract.key_ring import KeyRing

TOKEN = CallbackToken("018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", 1)
key_texts = st.text(st.characters(codec="utf-8", exclude_characters=","), min_size=16).filter(lambda key: key == key.strip())
lists_of_keys = st.lists(key_texts, min_size=1, max_size=4, unique=True)


@given(lists_of_keys)
def test_a_list_of_keys_is_read_in_its_order_with_or_without_blanks(keys: list[str]) -> None:
    ring = KeyRing.parse(" , ".join(keys))
    assert ring == KeyRing.parse(",".join(keys)) == KeyRing(*(key.encode() for key in keys))
    assert (ring.newest, *ring.older) == ring.all == tuple(key.encode() for key in keys)


@given(lists_of_keys)
def test_no_text_of_a_ring_shows_a_key(keys: list[str]) -> None:
    ring = KeyRing.parse(",".join(keys))
    assert f"{ring} {ring!r}" == "KeyRing(…) KeyRing(…)"


@pytest.mark.parametrize(
    "text",
    [
        "zq81-4711",
        "zq81-4711-0123456,zq81",
        "zq81-4711-0123456,zq81-4711-0123456",
        ",".join(f"zq81-{number:011d}" for number in range(5)),
    ],
)
def test_a_refused_list_is_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*zq81)"):
        KeyRing.parse(text)


@given(lists_of_keys, st.data())
def test_a_path_signed_with_any_listed_key_is_recognised_and_new_ones_are_signed_with_the_newest(
    keys: list[str], data: st.DataObject
) -> None:
    ring = KeyRing.parse(",".join(keys))
    one = KeyRing(data.draw(st.sampled_from(ring.all)))
    assert token_from_path(ring, TOKEN.path(one)) == TOKEN
    assert TOKEN.path(ring) == TOKEN.path(KeyRing(ring.newest))


@given(lists_of_keys, key_texts)
def test_a_path_signed_with_a_key_that_is_not_listed_is_not_ours(keys: list[str], other: str) -> None:
    if other not in keys:
        assert token_from_path(KeyRing.parse(",".join(keys)), TOKEN.path(KeyRing(other.encode()))) is None


def test_rings_with_the_same_keys_are_equal_and_survive_a_copy() -> None:
    ring = KeyRing(b"the newest of them", b"an older one of them")
    assert copy.deepcopy(ring) == pickle.loads(pickle.dumps(ring)) == ring
    assert len({ring, KeyRing(*ring.all)}) == 1
    assert ring != KeyRing(*reversed(ring.all))
    with pytest.raises(AttributeError):
        ring.newest = b"another"  # type: ignore[misc]
