"""Reports: the transition for a vendor's status report on a message. Pure.

Takes the record as it was read and a status event for one of its attempts. Returns the transition, or None for a repetition.
Reports come early, late, twice and in any order, so each is weighed against the earlier ones of its attempt, and the same reports
lead to the same state in any order: 200 beats everything; among the others the newest ``updated_on`` counts, and at a tie the
more severe; a progress report proves only that the vendor has the message; an unlisted code is recorded and changes nothing.
"""

from dataclasses import replace

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages.lifecycle import first_look, noted, outcome, replay_under_way, resend_under_way, times_retried
from smsrelay_worker.messages.report_tally import UNLISTED, applied_before, delivery_tally, is_report
from smsrelay_worker.policy.model import Action, Policy, Rule, decide

TIMELINE_CAP = 90  # lines; beyond this, reports that change nothing are no longer noted
_OLDER = "report older"
_EARLIER_ATTEMPT = "report on earlier attempt"
_AFTER_END = "report after the end"
_RETRY_UNDER_WAY = "report, retry under way"
_SEVERITY = {Action.UNKNOWN: 1, Action.RETRY: 2, Action.FAILED: 3}


def reported(record: Record, attempt: int, event: StatusEvent, policy: Policy, now: int, roll: float) -> Transition | None:
    """The transition for a report on ``attempt``; None if the same report was applied before. ``now`` in ms."""
    if applied_before(record, attempt, event) is not None:
        return None
    moved = _moved(record, attempt, event, policy, now, roll)
    if moved is None or (moved.state is record.state and len(record.timeline) >= TIMELINE_CAP):
        return None
    # A report that came by its submit's own callback URL will be followed by others on that URL, never by the vendor's id.
    forgets = moved.state is State.DELIVERED and event.message_id is not None
    complete = replace(moved, code=event.code, updated_on=event.updated_on, external_id=event.external_id)
    return replace(complete, forgets_external=forgets, tally=delivery_tally(record, moved, attempt, now))


def _moved(record: Record, attempt: int, event: StatusEvent, policy: Policy, now: int, roll: float) -> Transition | None:
    rule = policy.for_status(event.code)
    if rule is None:
        return replace(noted(record, attempt, UNLISTED, event.code), unlisted=True)
    if record.state is State.DELIVERED:
        return noted(record, attempt, _AFTER_END, event.code)
    if rule.action is Action.DELIVERED:
        return Transition(State.DELIVERED, max(attempt, record.attempt), Wake.NEVER, attempt, rule=rule.name)
    if rule.action is Action.IN_PROGRESS:
        return _progress(record, attempt, rule, policy, now)
    reason = _why_it_does_not_count(record, attempt, event, rule, policy)
    if reason is not None:
        return noted(record, attempt, reason, event.code)
    return outcome(record, attempt, decide(rule, times_retried(record, rule, attempt), roll), policy, now)


def _progress(record: Record, attempt: int, rule: Rule, policy: Policy, now: int) -> Transition:
    waiting = record.state in {State.SUBMITTING, State.UNCERTAIN} and attempt == record.attempt
    # The store lost the begin with its last second, or a resend has not begun yet: the vendor has the message after all.
    unknown_to_us = attempt > record.attempt and not record.state.final
    resend = attempt == record.attempt and resend_under_way(record, policy)
    if not (waiting or unknown_to_us or resend):
        return noted(record, attempt, rule.name, rule.code)
    return Transition(State.SUBMITTED, attempt, now + first_look(policy), attempt, rule=rule.name)


def _why_it_does_not_count(record: Record, attempt: int, event: StatusEvent, rule: Rule, policy: Policy) -> str | None:
    weights = [_weight(line.updated_on, counted) for line, counted in _decisive(record, attempt, policy)]
    if attempt < record.attempt:
        return _EARLIER_ATTEMPT
    if record.state in {State.EXPIRED, State.CANCELLED} or (record.state.final and not weights):
        return _AFTER_END
    if weights and _weight(event.updated_on, rule) <= max(weights):
        return _OLDER
    if attempt == record.attempt and replay_under_way(record):
        return _EARLIER_ATTEMPT  # an operator saw how it ended and asked for another attempt
    retry_under_way = record.state is State.RETRYING or (
        record.state is State.QUEUED and not resend_under_way(record, policy)  # a resend is queued because no report had come
    )
    if rule.action is Action.RETRY and attempt == record.attempt and retry_under_way:
        return _RETRY_UNDER_WAY
    return None


def _decisive(record: Record, attempt: int, policy: Policy) -> list[tuple[Entry, Rule]]:
    lines = [line for line in record.timeline if line.attempt == attempt and is_report(line)]
    known = [(line, policy.for_status(line.code)) for line in lines]
    return [(line, rule) for line, rule in known if rule is not None and rule.action in _SEVERITY]


def _weight(updated_on: int | None, rule: Rule) -> tuple[int, int, str]:
    return updated_on or 0, _SEVERITY[rule.action], rule.code
