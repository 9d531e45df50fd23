"""Applied: what the store says of a transition it took; and how a transition is written for it (store.lua).

Enters: a record and the transition decided on it. Leaves: the call of the script; and its answer, read. Nothing here fails.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from smsrelay.store import keys
from smsrelay.store.outbox import EVENTS_CAP
from smsrelay.store.script import Call
from smsrelay_worker.messages.record import Record, VendorMessage, encode_counts, relative
from smsrelay_worker.messages.transition import Transition, Wake


@dataclass(frozen=True, slots=True)
class Applied:
    """A transition that was applied."""

    at: int  # ms, on the store's clock
    parked: bool  # reports wait for the vendor's id that it brought


def read_applied(answer: Sequence[int]) -> Applied | None:
    """The script's answer; None when the record had moved on."""
    return Applied(int(answer[0]), bool(answer[1])) if answer else None


def applying(record: Record, transition: Transition, retention: int) -> Call:
    """The call that applies a transition to the record it was decided on; ``retention`` in ms."""
    wake, due, external_id = transition.wake, transition.due, transition.linked_external
    told: list[object] = [
        record.message_id,
        record.revision,
        transition.state.value,
        transition.attempt,
        wake.value if isinstance(wake, Wake) else wake,
        "" if due is None else due,
        int(transition.publish),
        int(transition.keeps_payload),
        retention,
        external_id or "",
        transition.owner or "",
        int(transition.silent),
        transition.line_attempt,
        transition.code,
        transition.rule,
        relative(transition.updated_on, record.created_at),
        EVENTS_CAP,
        record.lane.value,
        int(transition.unlisted),
        transition.folded(record),
        transition.why or "",
        encode_counts(transition.counts or {}),
        transition.state.letter,
        int(transition.forgets_external),
        int(transition.halted),
        record.owner or "",
        int(transition.takes_external),
        VendorMessage(transition.line_attempt, transition.message).encode() if transition.message else "",
    ]
    return Call(_keys(record, external_id), [json.dumps([str(one) for one in told])])


def _keys(record: Record, external_id: str | None) -> list[str]:
    """Keys a transition touches, in the order of store.lua's header."""
    named = [
        keys.message(record.message_id),
        keys.payload(record.message_id),
        keys.AGENDA,
        keys.outbox(record.lane),
        keys.PLACE,
        keys.EVENTS,
        keys.UNLISTED,
        keys.DEAD,
        keys.EXPIRED,
        keys.PUT_OFF,
    ]
    return [*named, keys.external(external_id), keys.parked(external_id)] if external_id else named
