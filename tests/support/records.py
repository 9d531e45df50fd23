"""Records, reports and time for tests of the pure state machine."""

from dataclasses import replace

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.policy.toml_file import load_policy

POLICY = load_policy(None)
NOW = 1_800_000_000_000
HOUR = 3_600_000
ID = "018f0000-0000-7000-8000-000000000000"


def queued(lane: Lane = Lane.NOTICE, expires_in: int = 24 * HOUR) -> Record:
    """A message as the outbox records it at ``NOW``."""
    return Record(
        message_id=ID,
        lane=lane,
        template="0000000",
        app="default",
        reference=None,
        created_at=NOW,
        expires_at=NOW + expires_in,
        fingerprint="f" * 24,
        recipient_hash="r" * 24,
        state=State.QUEUED,
        attempt=0,
        due=None,
        external_id=None,
        owner=None,
        begun_at=None,
        why=None,
        counts={},
        revision=1,
        timeline=(Entry(NOW, State.QUEUED, 0, "", "enqueued"),),
    )


def after(record: Record, transition: Transition | None, now: int = NOW) -> Record:
    """The record once the store has applied a transition."""
    assert transition is not None
    record = replace(record, why=transition.why or record.why, counts=transition.counts or record.counts)
    if transition.silent:
        return replace(record, due=transition.due)
    line = Entry(now, transition.state, transition.line_attempt, transition.code, transition.rule, transition.updated_on)
    return replace(
        record,
        state=transition.state,
        attempt=transition.attempt,
        due=transition.due,
        external_id=transition.external_id or record.external_id,
        owner=transition.owner or record.owner,
        begun_at=now if transition.owner else record.begun_at,
        revision=record.revision + 1,
        timeline=(*record.timeline[: len(record.timeline) - transition.folds], line),
    )


def event(code: int | str, updated_on: int | None = NOW, attempt: int = 1) -> StatusEvent:
    """A report on our message."""
    return StatusEvent(message_id=ID, attempt=attempt, code=str(code), updated_on=updated_on, received_at=NOW)


def wake_at(transition: Transition | None) -> int:
    """The agenda time a transition names."""
    assert transition is not None
    assert not isinstance(transition.wake, Wake)
    return transition.wake
