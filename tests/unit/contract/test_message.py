"""Messages: ids that sort by time or follow from a reference, and digests that stand for content and number."""

import json
import uuid
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message, fresh_id, keyed_digest, recipient_digest, referenced_id

KEY = b"0123456789abcdef"
ONE = Message(
    message_id="018f0000-0000-7000-8000-000000000000",
    lane=Lane.OTP,
    to="+8613800138000",
    template="0000000",
    params=("7391", "5"),
    app="shop",
    reference="order 5512",
    expires_at=1_800_000_000_000,
    not_before=None,
)

instants = st.integers(0, 2**48 - 1)
bits = st.integers(0, 2**74 - 1)
apps = st.from_regex(r"[A-Za-z0-9_.\-]{1,64}", fullmatch=True)
references = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=128)
names = st.tuples(apps, references)


@given(instants, bits)
def test_a_fresh_id_is_a_version_7_uuid_of_its_instant(now: int, random_bits: int) -> None:
    made = uuid.UUID(fresh_id(now, random_bits))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == now


@given(instants, bits)
def test_a_fresh_id_keeps_every_random_bit(now: int, random_bits: int) -> None:
    made = uuid.UUID(fresh_id(now, random_bits)).int
    assert (made >> 64 & 0xFFF) << 62 | made & 2**62 - 1 == random_bits


@given(instants, instants, bits, bits)
def test_fresh_ids_sort_by_their_instants(one: int, other: int, bits_of_one: int, bits_of_other: int) -> None:
    assume(one < other)
    assert fresh_id(one, bits_of_one) < fresh_id(other, bits_of_other)


@given(st.tuples(instants, bits), st.tuples(instants, bits))
def test_fresh_ids_differ_when_instant_or_bits_differ(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (fresh_id(*one) == fresh_id(*other)) is (one == other)


@given(names)
def test_a_reference_leads_to_one_version_5_uuid(name: tuple[str, str]) -> None:
    made = uuid.UUID(referenced_id(*name))
    assert (made.version, made.variant) == (5, uuid.RFC_4122)
    assert str(made) == referenced_id(*name)


@given(names, names)
def test_other_apps_and_references_lead_to_other_ids(one: tuple[str, str], other: tuple[str, str]) -> None:
    assume(one != other)
    assert referenced_id(*one) != referenced_id(*other)


@given(st.text("ab1:", min_size=2, max_size=12), st.data())
def test_app_and_reference_never_run_into_each_other(joined: str, data: st.DataObject) -> None:
    cuts = st.integers(1, len(joined) - 1)
    one, other = data.draw(cuts), data.draw(cuts)
    assume(one != other)
    assert referenced_id(joined[:one], joined[one:]) != referenced_id(joined[:other], joined[other:])


def test_the_id_of_a_reference_stays_the_same_in_every_release() -> None:
    assert referenced_id("default", "order-1") == "4e3c03dd-ba95-5b7e-b86d-2589f4a03b53"


@pytest.mark.parametrize(
    "change",
    [
        {"to": "+8613900139000"},
        {"lane": Lane.NOTICE},
        {"template": "0000001"},
        {"params": ("7391",)},
        {"params": ("5", "7391")},
        {"params": ('7391", "5',)},
        {"params": ()},
    ],
)
def test_other_content_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert replace(ONE, **change).fingerprint(KEY) != ONE.fingerprint(KEY)


def test_without_a_reference_there_is_nothing_to_compare() -> None:
    assert replace(ONE, reference=None).fingerprint(KEY) == ""


@pytest.mark.parametrize(
    "change", [{"expires_at": 5}, {"not_before": 5}, {"app": "x"}, {"message_id": "x"}, {"tags": (("a", "b"),)}, {"test": True}]
)
def test_what_is_not_content_leaves_the_fingerprint(change: dict[str, Any]) -> None:
    assert replace(ONE, **change).fingerprint(KEY) == ONE.fingerprint(KEY)


def test_digests_depend_on_the_key_and_on_their_purpose() -> None:
    digests = [
        ONE.fingerprint(KEY),
        ONE.fingerprint(KEY[::-1]),
        ONE.recipient_hash(KEY),
        ONE.recipient_hash(KEY[::-1]),
    ]
    assert len(set(digests)) == len(digests)


def test_the_same_number_has_the_same_digest_in_every_message() -> None:
    assert replace(ONE, message_id="x", params=(), template="1").recipient_hash(KEY) == ONE.recipient_hash(KEY)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1)).map(tuple))
def test_the_payload_carries_recipient_and_parameters_unchanged(params: tuple[str, ...]) -> None:
    assert json.loads(replace(ONE, params=params).payload()) == {"to": ONE.to, "params": list(params)}


def test_the_repr_shows_neither_number_nor_parameters_nor_reference() -> None:
    assert not any(part in repr(ONE) for part in ("138", "7391", "5512"))


def test_a_recipients_digest_has_72_bits() -> None:
    digest = ONE.recipient_hash(KEY)
    assert len(digest) == 12
    assert digest == keyed_digest(KEY, "recipient", ONE.to) == recipient_digest(KEY, ONE.to)
