"""StatusEvent: survives the queue unchanged, and a wrong one is refused with every field named."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.rejection import Rejection

LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_.-"
WIRE: dict[str, Any] = {"v": 1, "external_id": "e1", "code": "200", "received_at": 1}

identifiers = st.text(LETTERS, min_size=1, max_size=64)
instants = st.integers(0, 2**53)
plain_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
attempts = st.fixed_dictionaries({"message_id": identifiers, "attempt": st.integers(1, 9999)})
events = st.builds(
    lambda named, fields: StatusEvent(**named, **fields),
    st.one_of(attempts, st.fixed_dictionaries({"external_id": identifiers})),
    st.fixed_dictionaries(
        {"code": st.text(LETTERS, min_size=1, max_size=24), "received_at": instants},
        optional={
            "reference_id": identifiers,
            "updated_on": instants,
            "extra": st.dictionaries(identifiers, plain_text, max_size=8),
        },
    ),
)


@given(events)
def test_an_event_survives_the_queue_unchanged(event: StatusEvent) -> None:
    assert StatusEvent.decode(json.loads(json.dumps(event.encode()))) == event


def test_the_wire_form_leaves_absent_fields_out_and_names_its_version() -> None:
    assert StatusEvent(external_id="e1", code="200", received_at=1).encode() == WIRE


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"v": 2}, "v"),
        ({"v": True}, "v"),
        ({"code": 200}, "code"),
        ({"code": ""}, "code"),
        ({"code": "20 0"}, "code"),
        ({"code": "200\n"}, "code"),
        ({"code": "2" * 25}, "code"),
        ({"external_id": "e" * 65}, "external_id"),
        ({"external_id": "\ud800"}, "external_id"),
        ({"external_id": uuid.UUID(int=1)}, "external_id"),
        ({"received_at": datetime(2026, 1, 1, tzinfo=UTC)}, "received_at"),
        ({"received_at": 1.0}, "received_at"),
        ({"received_at": -1}, "received_at"),
        ({"updated_on": "2026-01-01T00:00:00Z"}, "updated_on"),
        ({"message_id": "m", "attempt": 0}, "attempt"),
        ({"message_id": "m", "attempt": 1_000_000}, "attempt"),
        ({"message_id": "m"}, "(whole)"),
        ({"attempt": 1}, "(whole)"),
        ({"external_id": None}, "(whole)"),
        ({"extra": {str(number): "" for number in range(9)}}, "extra"),
        ({"extra": {"price": 5}}, "extra.price"),
        ({"mobile": "none"}, "mobile"),
    ],
)
def test_a_wrong_event_is_refused_by_the_name_of_its_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(Rejection) as refused:
        StatusEvent.decode(WIRE | change)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_a_refusal_does_not_quote_the_refused_value() -> None:
    with pytest.raises(Rejection) as refused:
        StatusEvent.decode(WIRE | {"code": "+86 138 0013 8000", "updated_on": "13800138000"})
    assert "138" not in str(refused.value)


@pytest.mark.parametrize("wire", [None, 5, "text", [], [WIRE], float("nan"), object()])
def test_what_is_no_object_is_refused(wire: object) -> None:
    with pytest.raises(Rejection):
        StatusEvent.decode(wire)
