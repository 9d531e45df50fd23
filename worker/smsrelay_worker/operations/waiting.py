"""Waiting messages: which wait, until when, and what for. Reads the store in pages; raises ``StoreUnavailable``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.store.records import Reading, Records
from smsrelay_worker.messages.barred import FUSE
from smsrelay_worker.operations.halted_parts import part_text
from smsrelay_worker.store.agenda import Agenda

WAITING = (State.QUEUED, State.RETRYING)
NOT_FINAL = tuple(state for state in State if not state.final)
_TOGETHER = 50  # records in one round trip, and on a page
_STEPS = 40  # such round trips for one page at most

_UNTIL_DUE = {
    "halted": "halted: everything",
    "circuit": "circuit: the vendor fails",
    "rate": "rate: no slot was free",
    "not_before": "not before the time the app asked for",
    "not_before, window ignored": "not before the time the app asked for",
}


@dataclass(frozen=True, slots=True)
class WaitingFilter:
    """Which messages to list; None: any. ``campaign`` is APP/NAME, ``held`` a part of the traffic."""

    states: tuple[State, ...] = WAITING
    fields: Mapping[str, str] = field(default_factory=dict)  # of the record: lane, tpl, app
    campaign: str | None = None
    held: str | None = None


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """One message that waits. Instants in ms; ``due``: it is not attempted before, None: as soon as there is a slot."""

    message_id: str
    state: str
    lane: str
    template: str
    app: str
    campaign: str | None
    attempts: int
    due: int | None
    expires_at: int
    why: str


def waiting_messages(agenda: Agenda, records: Records, wanted: WaitingFilter) -> Iterator[WaitingMessage]:
    """Those that match, one after the other, in bounded memory."""
    for page in agenda.ids(wanted.states, wanted.fields, held=wanted.held, campaign=wanted.campaign):
        for start in range(0, len(page), _TOGETHER):
            for reading in records.read_many(page[start : start + _TOGETHER]):
                if reading is not None and _matches(reading.record, wanted):
                    yield _waiting(reading)


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """Some of those that match. ``following``: the cursor of the next page, empty if there is none."""

    messages: list[WaitingMessage]
    following: str


def waiting_page(agenda: Agenda, records: Records, wanted: WaitingFilter, cursor: str) -> WaitingPage:
    """About fifty that match, from a cursor on; fewer if two thousand messages were looked at, so that it takes no time."""
    found: list[WaitingMessage] = []
    for _ in range(_STEPS):
        ids, cursor = agenda.page(cursor, _TOGETHER, wanted.states, wanted.fields, held=wanted.held, campaign=wanted.campaign)
        readings = records.read_many(ids)
        found += [_waiting(one) for one in readings if one is not None and _matches(one.record, wanted)]
        if len(found) >= _TOGETHER or not cursor:
            break
    return WaitingPage(found, cursor)


def reason(record: Record, now: int) -> str:
    """What a message waits for; ``now`` in ms."""
    if record.state is State.SUBMITTING:
        return "a worker submits it"
    if record.state not in WAITING:
        return "report: the vendor's has not come"
    rule = record.timeline[-1].rule
    if record.held is not None:
        return f"{'fuse' if rule == FUSE else 'halted'}: {part_text(record.held)}"
    if record.due is None or record.due <= now:
        return "queue: waits for a worker and a slot in the rate"
    kind, _, name = rule.partition(" ")
    if kind in {"cap", "window", "fuse"}:
        return f"{kind}: {name}" if name else kind
    return _UNTIL_DUE.get(rule) or f"backoff: {rule or 'another attempt'}"


def _matches(record: Record, wanted: WaitingFilter) -> bool:
    """Once more: it may have changed since the page was read; and a part that is held may be read of a set of any messages."""
    return record.state in wanted.states and wanted.campaign in (None, record.campaign_name)


def _waiting(reading: Reading) -> WaitingMessage:
    record = reading.record
    held = record.held is not None and record.timeline[-1].rule != FUSE  # what a fuse has stopped is due when its day ends
    return WaitingMessage(
        message_id=record.message_id,
        state=record.state.value,
        lane=record.lane.value,
        template=record.template,
        app=record.app or DEFAULT_APP,
        campaign=record.campaign,
        attempts=record.attempt,
        due=None if held else record.due,
        expires_at=record.expires_at,
        why=reason(record, reading.now),
    )
