"""Records: read back what was written, and no line of a timeline can run into the next."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record, VendorMessage
from smsrelay_worker.vendors.yisha.masking import LIMIT

FIELDS = {
    "lane": "otp",
    "tpl": "0000000",
    "app": "shop",
    "at": "1800000000000",
    "exp": "1800000300000",
    "fp": "f" * 24,
    "who": "w" * 24,
    "state": "queued",
    "try": "0",
    "rev": "1",
    "len": "1",
    "t1": "1800000000000|queued|0||enqueued|",
}

RULES = ["enqueued", "begun", "submit.0000", "status.200"]  # which a line spells shorter

instants = st.integers(0, 2**53)
entries = st.builds(
    Entry,
    at=instants,
    state=st.sampled_from(State),
    attempt=st.integers(0, 9999),
    code=st.from_regex(r"[A-Za-z0-9_.\-]{0,24}", fullmatch=True) | st.sampled_from(["0000", "200"]),
    rule=st.from_regex(r"[a-z0-9 ._\-]{1,40}", fullmatch=True)
    | st.sampled_from(["enqueued", "begun", "submit.0000", "status.200"]),
    updated_on=st.none() | instants,
)


def record(**changes: Any) -> Record:
    return Record.decode("id", FIELDS | changes)


@given(entries)
def test_a_line_of_a_timeline_survives_being_written(entry: Entry) -> None:
    assert Entry.decode(entry.encode(1_800_000_000_000), 1_800_000_000_000) == entry


@given(st.lists(entries, min_size=1, max_size=20))
def test_a_timeline_is_read_in_its_order(timeline: list[Entry]) -> None:
    lines = {f"t{number}": entry.encode(int(FIELDS["at"])) for number, entry in enumerate(timeline, 1)}
    assert record(len=str(len(timeline)), **lines).timeline == tuple(timeline)


def test_a_record_is_read_from_its_short_fields() -> None:
    assert record(
        ref="r1", due="1800000000500", ext="e1", own="w-1", beg="1800000000400", why="status.503", cnt="a.b=2@3;c=1@1", rev="7"
    ) == Record(
        message_id="id",
        lane=Lane.OTP,
        template="0000000",
        app="shop",
        reference="r1",
        created_at=1_800_000_000_000,
        expires_at=1_800_000_300_000,
        fingerprint="f" * 24,
        recipient_hash="w" * 24,
        state=State.QUEUED,
        attempt=0,
        due=1_800_000_000_500,
        external_id="e1",
        owner="w-1",
        begun_at=1_800_000_000_400,
        why="status.503",
        counts={"a.b": (2, 3), "c": (1, 1)},
        revision=7,
        timeline=(Entry(1_800_000_000_000, State.QUEUED, 0, "", "enqueued"),),
    )


def test_fields_that_are_not_there_yet_are_none() -> None:
    fresh = record()
    assert (fresh.reference, fresh.due, fresh.external_id, fresh.owner) == (None, None, None, None)


@given(st.integers(1, 99_999), st.text("aä业𠀀:", min_size=1, max_size=LIMIT))
def test_a_message_of_the_vendor_is_held_in_one_short_field_and_read_back(attempt: int, text: str) -> None:
    said = VendorMessage(attempt, text.encode()[:LIMIT].decode("utf-8", "ignore"))
    assert len(said.encode().encode()) <= 64
    assert record(msg=said.encode()).vendor_message == said
    assert record().vendor_message is None


def test_tags_the_mark_of_a_test_and_the_last_outcome_are_read() -> None:
    told = record(test="1", out="12:9", **{"g.order": "4711", "g.a.b": "x"})
    assert (told.tags, told.test, told.outcome) == ({"order": "4711", "a.b": "x"}, True, (12, 9))
    plain = record()
    assert (plain.tags, plain.test, plain.outcome) == ({}, False, None)


def test_an_emptied_due_time_is_none() -> None:
    assert record(due="").due is None


@pytest.mark.parametrize("missing", sorted(set(FIELDS) - {"app", "fp", "exp", "t1"}))
def test_a_record_that_lacks_a_field_is_not_read_as_something_else(missing: str) -> None:
    with pytest.raises(KeyError):
        Record.decode("id", {name: value for name, value in FIELDS.items() if name != missing})


def test_exactly_five_states_are_final() -> None:
    assert {state.value for state in State if state.final} == {"delivered", "failed", "unknown", "expired", "cancelled"}
