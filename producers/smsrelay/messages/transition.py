"""Transition: one decided change of a record, which the store applies only to the record it was decided on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from smsrelay.contract.state import State
from smsrelay.messages.checks import Checks, Counted
from smsrelay.messages.record import Entry, Record, VendorMessage
from smsrelay.messages.sinks import OUTCOMES
from smsrelay.messages.tally import NOTHING, Tally

_LONGEST_TIMELINE = 120  # lines; from then on the last one is overwritten, so that a record stays small whatever happens


class Wake(Enum):
    """What a transition does to the message's agenda entry if it sets no time."""

    KEEP = "keep"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Transition:
    """The record's new state, the line added to its timeline, and when something must happen next."""

    state: State
    attempt: int  # the record's last attempt from now on
    wake: int | Wake  # the message's time in the agenda: ms on the store's clock
    line_attempt: int  # the attempt that the timeline's line is about
    rule: str = ""
    code: str = ""
    message: str | None = None  # the vendor's own words, masked
    updated_on: int | None = None
    due: int | None = None  # the attempt must not begin before; ms
    publish: bool = False  # goes into the outbox: a worker has to be woken
    external_id: str | None = None
    owner: str | None = None  # who begins the attempt
    why: str | None = None  # the rule that leads to another attempt
    counts: Mapping[str, tuple[int, int]] | None = None  # if they change
    folds: int = 0  # how many of the last lines the new one replaces
    halted: bool = False  # deferred because everything is halted
    forgets_external: bool = False  # no report with the external id alone is expected any more
    of_earlier_begin: bool = False  # the external id leads to the message but does not become the record's
    unlisted: bool = False  # the policy does not list the reported code, which is counted
    silent: bool = False  # only times change; the timeline already says why
    checks: Checks | None = None  # of a begin
    counted: Counted = Counted.KEEP
    held: str | None = None  # deferred until this part of the traffic is resumed
    suppress: str | None = None  # the list that the number joins
    suppress_key: str = ""  # name of the key that made the record's digest of the number
    tally: Tally = NOTHING  # what is counted beside what the two states tell

    @property
    def keeps_payload(self) -> bool:
        """Whether recipient and parameters may still be needed: a failed message can be replayed until it expires."""
        return self.state not in {State.DELIVERED, State.EXPIRED, State.CANCELLED}

    @property
    def is_outcome(self) -> bool:
        """Whether it settles something that an app may want to hear: no note, no silent change, no folded repetition."""
        return self.state in OUTCOMES and self.wake is not Wake.KEEP and not self.silent and not self.folds

    @property
    def takes_external(self) -> bool:
        """Whether the external id belongs to the record's last attempt."""
        return bool(self.external_id) and self.line_attempt == self.attempt and not self.of_earlier_begin

    @property
    def linked_external(self) -> str | None:
        """The external id under which the attempt can be found from now on."""
        return self.external_id if self.takes_external or self.of_earlier_begin else None

    def moves_on(self, record: Record) -> bool:
        """Whether the message does not go on waiting for the same thing; false of a note, and of a wake-up before its time."""
        early = self.silent and self.due is not None and self.due == record.due
        return self.wake is not Wake.KEEP and not early

    def folded(self, record: Record) -> int:
        """How many of the record's last lines the new one replaces. A note does not replace the line of the last outcome."""
        length = len(record.timeline)
        keeps = not self.is_outcome and record.outcome is not None and record.outcome[1] == length
        return self.folds or int(length >= _LONGEST_TIMELINE and not keeps)

    def applied_to(self, record: Record, at: int, *, told: bool = False) -> Record:
        """The record as the store holds it after applying this at an instant (ms); must agree with ``apply.lua``.

        ``told``: it was written into the outbox of a sink.
        """
        known = replace(
            record,
            due=self.due,
            external_id=self._external_id(record),
            owner=self.owner or record.owner,
            begun_at=at if self.owner else record.begun_at,
            why=self.why or record.why,
            counts=self.counts or record.counts,
            vendor_message=VendorMessage(self.line_attempt, self.message) if self.message else record.vendor_message,
            held_by=self._held_by(record),
            reserved_at=None if self.owner or self.wake is Wake.NEVER else record.reserved_at,
        )
        if self.silent:
            return known
        if self.state is State.DELIVERED:  # delivered is final for good: these are not needed any more
            known = replace(known, owner=None, begun_at=None, expires_at=0, vendor_message=None)
        line = Entry(at, self.state, self.line_attempt, self.code, self.rule, self.updated_on)
        kept = record.timeline[: len(record.timeline) - self.folded(record)]
        revision, timeline = record.revision + 1, (*kept, line)
        outcome = (revision, len(timeline)) if told else record.outcome
        return replace(known, state=self.state, attempt=self.attempt, revision=revision, timeline=timeline, outcome=outcome)

    def _held_by(self, record: Record) -> str | None:
        if self.held is not None:
            return self.held.partition(":")[0]
        return None if self.moves_on(record) else record.held_by

    def _external_id(self, record: Record) -> str | None:
        if self.takes_external:
            return self.external_id
        return None if self.owner else record.external_id
