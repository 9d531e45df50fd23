"""How a transition is encoded for ``apply.lua``, and the script's reply, decoded as ``Applied``. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smsrelay.messages.checks import Bar, Barred
from smsrelay.messages.record import Record, VendorMessage, encode_counts, relative
from smsrelay.messages.sinks import CELERY, WEBHOOK, Sinks, sink_name
from smsrelay.messages.transition import Transition, Wake
from smsrelay.messages.transition_tally import tally_of
from smsrelay.store.further_keys import further_keys
from smsrelay.store.keys import Keys
from smsrelay.store.outbox import EVENTS_CAP
from smsrelay.store.script import Call

_BARRED = -1
_TELL, _ASK = "1", "?"  # a sink that we know, or the one that the store knows of


@dataclass(frozen=True, slots=True)
class Applied:
    """The store has applied a transition."""

    at: int  # ms, on the store's clock
    parked: bool  # reports are parked under the external id that it brought
    told: bool = False  # it is in the outbox of a sink


def read_applied(answer: Sequence[Any]) -> Applied | Barred | None:
    """The script's reply; None if the record had changed."""
    if answer and int(answer[0]) == _BARRED:
        return Barred(Bar(answer[1]), answer[2], int(answer[3]))
    return Applied(int(answer[0]), bool(answer[1]), bool(answer[2])) if answer else None


def applying(keys: Keys, record: Record, transition: Transition, retention: int, sinks: Sinks | None) -> Call:
    """The script call that applies a transition to the record it was decided on; ``retention`` in ms."""
    told, outboxes = _told(keys, record, transition, sinks)
    external_id = transition.linked_external
    fields = _fields(record, transition, retention, told)
    named = _keys(keys, record, external_id)
    further = further_keys(keys, record, transition, len(named) + 1)
    counts = tally_of(record, transition).encode()
    wire = [*(str(one) for one in fields), counts, *([further.wire] if further.wire else [])]
    return Call([*named, *further.keys, *outboxes], [json.dumps(wire)])


def _fields(record: Record, transition: Transition, retention: int, told: str) -> list[object]:
    """What every transition needs, in the order of the header of ``apply.lua``: ARGV 1 to 31."""
    wake, due = transition.wake, transition.due
    return [
        record.message_id,
        record.revision,
        transition.state.value,
        transition.attempt,
        wake.value if isinstance(wake, Wake) else wake,
        "" if due is None else due,
        int(transition.publish),
        int(transition.keeps_payload),
        retention,
        transition.linked_external or "",
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
        int(transition.halted),
        record.owner or "",
        int(transition.takes_external),
        VendorMessage(transition.line_attempt, transition.message).encode() if transition.message else "",
        told,
        record.app if told == _ASK else "",
        len(record.timeline),
        record.timeline[-1].at,
    ]


def _told(keys: Keys, record: Record, transition: Transition, sinks: Sinks | None) -> tuple[str, tuple[str, ...]]:
    """Who is told: what the script is to do, and the keys that it needs for it."""
    if not transition.is_outcome:
        return "", ()
    if sinks is None:
        return _ASK, (keys.sinks, *(keys.outcomes(sink_name(record.app, kind)) for kind in (WEBHOOK, CELERY)))
    sink = sinks.outbox(record.app, transition.state)
    return ("", ()) if sink is None else (_TELL, (keys.outcomes(sink),))


def _keys(keys: Keys, record: Record, external_id: str | None) -> list[str]:
    """The keys that a transition touches, in the order of the header of ``apply.lua``."""
    named = [
        keys.message(record.message_id),
        keys.payload(record.message_id),
        keys.agenda,
        keys.outbox(record.lane),
        keys.place,
        keys.events,
        keys.unlisted,
        keys.dead,
        keys.expired,
        keys.put_off,
        keys.counts,
    ]
    return [*named, keys.external(external_id), keys.parked(external_id)] if external_id else named
