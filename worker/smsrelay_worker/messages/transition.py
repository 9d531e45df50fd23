"""Transition: one decided change of a record, ready for the store to apply to the very record it was decided on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from smsrelay.contract.state import State
from smsrelay_worker.messages.record import Entry, Record, VendorMessage

_LONGEST_TIMELINE = 120  # lines; then the last one is written over, so that a record stays small whatever happens


class Wake(Enum):
    """What a transition does to the message's agenda entry when it names no time."""

    KEEP = "keep"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Transition:
    """What the record becomes, the line its timeline gets, and when something must happen next."""

    state: State
    attempt: int  # the record's last attempt from now on
    wake: int | Wake  # ms on the store's clock
    line_attempt: int  # the attempt the timeline's line speaks of
    rule: str = ""
    code: str = ""
    message: str | None = None  # the vendor's own words, masked
    updated_on: int | None = None
    due: int | None = None  # not to be begun before; ms
    publish: bool = False  # waits in the outbox: a worker has to be told
    external_id: str | None = None
    owner: str | None = None  # who begins the attempt
    why: str | None = None  # the rule that sends the message into another attempt
    counts: Mapping[str, tuple[int, int]] | None = None  # when they change
    folds: int = 0  # last lines of the timeline that this one stands for as well
    halted: bool = False  # put off because everything is halted
    forgets_external: bool = False  # no report will come by the vendor's id
    of_earlier_begin: bool = False  # what the line tells: the vendor's id leads to the message, and is not the record's
    unlisted: bool = False  # the policy does not know the reported code, which is counted
    silent: bool = False  # only times move, the timeline already says why

    @property
    def keeps_payload(self) -> bool:
        """Whether recipient and parameters may still be needed; a failed message can be sent again until it expires."""
        return self.state not in {State.DELIVERED, State.EXPIRED, State.CANCELLED}

    @property
    def takes_external(self) -> bool:
        """Whether the vendor's id is the one of the record's last attempt."""
        return bool(self.external_id) and self.line_attempt == self.attempt and not self.of_earlier_begin

    @property
    def linked_external(self) -> str | None:
        """The vendor's id that leads to the attempt from now on."""
        return self.external_id if self.takes_external or self.of_earlier_begin else None

    def folded(self, record: Record) -> int:
        """How many last lines of the record's timeline the new line stands for as well."""
        return self.folds or int(len(record.timeline) >= _LONGEST_TIMELINE)

    def applied_to(self, record: Record, at: int) -> Record:
        """The record that the store holds once it applied this at an instant (ms), unread; as store.lua."""
        known = replace(
            record,
            due=self.due,
            external_id=self._external_id(record),
            owner=self.owner or record.owner,
            begun_at=at if self.owner else record.begun_at,
            why=self.why or record.why,
            counts=self.counts or record.counts,
            vendor_message=VendorMessage(self.line_attempt, self.message) if self.message else record.vendor_message,
        )
        if self.silent:
            return known
        if self.state is State.DELIVERED:  # nothing leaves it: nobody asks for these any more
            known = replace(known, owner=None, begun_at=None, expires_at=0, vendor_message=None)
        line = Entry(at, self.state, self.line_attempt, self.code, self.rule, self.updated_on)
        kept = record.timeline[: len(record.timeline) - self.folded(record)]
        return replace(known, state=self.state, attempt=self.attempt, revision=record.revision + 1, timeline=(*kept, line))

    def _external_id(self, record: Record) -> str | None:
        if self.takes_external:
            return self.external_id
        return None if self.owner else record.external_id
