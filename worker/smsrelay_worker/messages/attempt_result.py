"""Attempt result: the transition for a vendor's answer to one attempt, whatever has happened to the message since. Pure.

Takes the record as it was read, the record as the attempt's begin left it, and the answer. Returns the transition, or None if
there is nothing to do. Never raises.
An answer counts only for the begin it belongs to. The attempt number alone does not identify that begin: an attempt that was
deferred is begun again under the same number, by another owner. A report names only the number, which is enough: an attempt that
was deferred was not executed, so the vendor cannot report on it.
"""

from dataclasses import replace
from enum import Enum, auto

from smsrelay.contract.state import State
from smsrelay.messages.checks import Counted
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.policy.model import WAITING, Action, Policy, Rule
from smsrelay_worker.vendors.base import Answer, Kind

OVERTAKEN = "answer after report"
EARLIER = "answer of an earlier begin"
_DEFERRING = {Action.DEFER, Action.HALT}


class Standing(Enum):
    """How an answer relates to the record that it is to be applied to."""

    AWAITED = auto()  # the record waits for it
    APPLIED = auto()  # it was applied before, and the store's reply was lost
    OVERTAKEN = auto()  # its attempt is already settled, for example by a report
    FORGOTTEN = auto()  # the store has lost the begin, for example because it was restored from an older log
    EARLIER = auto()  # another begin has replaced its own


def standing(record: Record, begun: Record, answer: Answer, policy: Policy) -> Standing:
    """How the answer to the attempt in ``begun`` (the record as its begin left it) relates to ``record``."""
    rule, attempt = policy.for_answer(answer), begun.attempt
    if record.owner == begun.owner and record.attempt == attempt:
        return _of_the_last_begin(record, begun, answer, rule, policy)
    if record.owner == begun.owner and record.attempt == attempt - 1:
        return Standing.APPLIED  # only this answer can have uncounted the attempt
    # A delivered message keeps no owner. But an attempt that was deferred can only have been delivered by another begin.
    if record.state is State.DELIVERED and record.attempt == attempt and rule.action not in _DEFERRING:
        return _of_a_settled_one(record, begun, answer, rule)
    if record.attempt < attempt and not record.state.final and rule.action not in WAITING:
        return Standing.FORGOTTEN
    return Standing.EARLIER


def answered(record: Record, begun: Record, answer: Answer, policy: Policy, now: int, roll: float) -> Transition | None:
    """The transition for the answer to the attempt in ``begun``; ``now`` in ms, ``roll`` random from 0 to 1."""
    match standing(record, begun, answer, policy):
        case Standing.AWAITED:
            return lifecycle.answered(record, begun.attempt, answer, policy, now, roll)
        case Standing.APPLIED:
            return None
        case Standing.FORGOTTEN:  # applied, as a report on it would be; this records the begin again
            return replace(lifecycle.answered(record, begun.attempt, answer, policy, now, roll), owner=begun.owner)
        case Standing.OVERTAKEN:
            noted = lifecycle.noted(record, begun.attempt, OVERTAKEN, answer.code, external_id=answer.external_id)
            # A delivered record does not say whose begin it was, so it keeps the id it has.
            return replace(noted, of_earlier_begin=record.external_id is not None)
        case Standing.EARLIER if _has_line(record, begun, answer, EARLIER):
            return None
        case Standing.EARLIER:
            noted = lifecycle.noted(record, begun.attempt, EARLIER, answer.code, external_id=answer.external_id)
            return replace(noted, of_earlier_begin=True)


def counted(moved: Transition, answer: Answer) -> Transition:
    """The same transition, which also says what becomes of the attempt that the begin has counted against caps."""
    if moved.wake is Wake.KEEP or answer.kind is Kind.UNCERTAIN:
        return moved
    return replace(moved, counted=Counted.SETTLED if answer.kind is Kind.ANSWERED else Counted.RETURNED)


def counts(record: Record, begun: Record, answer: Answer, policy: Policy) -> bool:
    """Whether the answer counts for the circuit and as the result of a probe."""
    return standing(record, begun, answer, policy) is not Standing.EARLIER


def _of_the_last_begin(record: Record, begun: Record, answer: Answer, rule: Rule, policy: Policy) -> Standing:
    if record.state is State.SUBMITTING:
        return Standing.AWAITED
    # The message was queued for a resend only because this answer was missing.
    needless_resend = lifecycle.resend_under_way(record, policy) and rule.action not in WAITING | {Action.UNCERTAIN}
    if (record.state is State.UNCERTAIN or needless_resend) and not _given_before(record, begun, answer, rule):
        return Standing.AWAITED
    return _of_a_settled_one(record, begun, answer, rule)


def _of_a_settled_one(record: Record, begun: Record, answer: Answer, rule: Rule) -> Standing:
    return Standing.APPLIED if _given_before(record, begun, answer, rule) else Standing.OVERTAKEN


def _given_before(record: Record, begun: Record, answer: Answer, rule: Rule) -> bool:
    """Whether the timeline has a line for this answer."""
    return any(_has_line(record, begun, answer, name) for name in (rule.name, f"{rule.name} used up", OVERTAKEN))


def _has_line(record: Record, begun: Record, answer: Answer, rule: str) -> bool:
    wanted, since = (begun.attempt, answer.code, rule), begun.begun_at or 0
    return any((line.attempt, line.code, line.rule) == wanted and line.at >= since for line in record.timeline)
