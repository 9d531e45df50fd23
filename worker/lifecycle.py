"""Lifecycle: the state machine of a message, as pure functions from a record and what happened to one transition.

Enters: the record as it was read, what happened (a wake-up, an answer, a time that came), the clock and a roll of the dice.
Leaves: the ``Transition`` to apply, or None when there is nothing to do. Nothing here fails: every record has an answer.
The store applies a transition only to the record it was decided on; else the caller reads and decides again.
Instants are ms on the store's clock. Reports of the vendor are in ``worker.report``.
"""

from dataclasses import replace

from producers.record import Record, State
from worker.policy import Action, Decision, Policy, Rule, decide
from worker.transition import Transition, Wake
from worker.vendor.answer import Answer

REPLAY = "replay"
ENDS = {
    Action.DELIVERED: State.DELIVERED,
    Action.FAILED: State.FAILED,
    Action.UNKNOWN: State.UNKNOWN,
}


def begin(record: Record, now: int, lease: int, owner: str, policy: Policy) -> Transition | None:
    """Start the next attempt of a queued message, leased for ``lease`` ms to ``owner``; None when it is not to be started."""
    if record.state is not State.QUEUED or (record.due is not None and record.due > now):
        return None
    if now >= record.expires_at:
        return expired(record, policy)
    attempt = record.attempt + 1
    return Transition(State.SUBMITTING, attempt, now + lease, attempt, rule="begun", owner=owner)


def deferred(record: Record, now: int, delay: int, rule: str, policy: Policy) -> Transition | None:
    """Put a queued message off by ``delay`` ms; neither an attempt nor an error."""
    if record.state is not State.QUEUED:
        return None
    if now >= record.expires_at:
        return expired(record, policy)
    return _put_off(record, now + delay, record.attempt, rule)


def answered(record: Record, attempt: int, answer: Answer, policy: Policy, now: int, roll: float) -> Transition | None:
    """Apply what a submit brought. When a report or the lease's end was faster, the answer still adds what it knows."""
    if record.attempt != attempt or record.state not in {State.SUBMITTING, State.UNCERTAIN}:
        return noted(record, attempt, "answer after report", answer.code, external_id=answer.external_id)
    rule = policy.for_answer(answer.kind, answer.code)
    decision = decide(rule, times_retried(record, rule, attempt), roll)
    if decision.action in {Action.DEFER, Action.HALT}:
        delay = max(decision.delay or 0.0, answer.retry_after or 0.0)
        return replace(_put_off(record, now + _ms(delay), attempt - 1, rule.name), line_attempt=attempt, code=answer.code)
    moved = outcome(record, attempt, decision, policy, now)
    return replace(moved, code=answer.code, external_id=answer.external_id)


def woken(record: Record, policy: Policy, now: int) -> Transition | None:
    """What the agenda's time means for this message; None when it is final and the entry has only to go."""
    match record.state:
        case State.QUEUED | State.RETRYING:
            return _wake_waiting(record, now, policy)
        case State.SUBMITTING:
            return uncertain(record, record.attempt, "lease ran out", policy, now)
        case State.UNCERTAIN:
            return _wake_uncertain(record, policy, now)
        case State.SUBMITTED:
            return Transition(State.UNKNOWN, record.attempt, Wake.NEVER, record.attempt, rule="no report in time")
        case _:
            return None


def cancelled(record: Record) -> Transition | None:
    """Withdraw a message nobody has submitted yet; None when it is too late."""
    if record.state is not State.QUEUED or record.attempt > 0:
        return None
    return Transition(State.CANCELLED, 0, Wake.NEVER, 0, rule="by the app")


def replayed(record: Record, now: int) -> Transition | None:
    """Queue a message that failed or ended unknown once more, because a person asked; None for any other, or an expired one."""
    if record.state not in {State.FAILED, State.UNKNOWN} or now >= record.expires_at:
        return None
    return Transition(State.QUEUED, record.attempt, record.expires_at, record.attempt, rule=REPLAY, publish=True)


def outcome(record: Record, attempt: int, decision: Decision, policy: Policy, now: int) -> Transition:
    """What a decision of the policy makes of the message."""
    name = f"{decision.rule} used up" if decision.exhausted else decision.rule
    if decision.action is Action.RETRY:
        due = now + _ms(decision.delay or 0.0)
        return Transition(State.RETRYING, attempt, min(due, record.expires_at), attempt, rule=name, due=due)
    if decision.action is Action.UNCERTAIN:
        return uncertain(record, attempt, name, policy, now)
    if decision.action in ENDS:
        return Transition(ENDS[decision.action], attempt, Wake.NEVER, attempt, rule=name)
    return Transition(State.SUBMITTED, attempt, now + _ms(policy.report_deadline), attempt, rule=name)


def uncertain(record: Record, attempt: int, rule: str, policy: Policy, now: int) -> Transition:
    """Submitted perhaps: wait for a report, for the lane's window or up to the report deadline."""
    lane = policy.uncertain[record.lane]
    wait = lane.window if _may_resend(record, policy) else policy.report_deadline
    return Transition(State.UNCERTAIN, attempt, now + _ms(wait), attempt, rule=rule)


def expired(record: Record, policy: Policy) -> Transition:
    """Past its deadline. One whose last attempt is still uncertain goes back to waiting for a report: it may have arrived."""
    if resend_under_way(record, policy):
        wake = _last_begun(record) + _ms(policy.report_deadline)
        return Transition(State.UNCERTAIN, record.attempt, wake, record.attempt, rule="expired")
    return Transition(State.EXPIRED, record.attempt, Wake.NEVER, record.attempt, rule="expired")


def noted(
    record: Record,
    attempt: int,
    rule: str,
    code: str,
    updated_on: int | None = None,
    external_id: str | None = None,
) -> Transition:
    """A line in the timeline that changes nothing else."""
    return Transition(
        record.state,
        record.attempt,
        Wake.KEEP,
        attempt,
        rule=rule,
        code=code,
        updated_on=updated_on,
        due=record.due,
        external_id=external_id,
    )


def times_retried(record: Record, rule: Rule, attempt: int) -> int:
    """How many earlier attempts this very row has already sent into another one."""
    lines = record.timeline
    return len({line.attempt for line in lines if line.rule == rule.name and line.state is State.RETRYING} - {attempt})


def resend_under_way(record: Record, policy: Policy) -> bool:
    """Whether the message waits to be submitted again because its last attempt is uncertain."""
    return _waits_because(record, policy) == policy.uncertain[record.lane].name


def replay_under_way(record: Record, policy: Policy) -> bool:
    """Whether the message waits to be submitted again because a person asked."""
    return _waits_because(record, policy) == REPLAY


def _waits_because(record: Record, policy: Policy) -> str | None:
    """The rule that put a queued message, once attempted, back into its queue."""
    if record.state is not State.QUEUED:
        return None
    rules = {policy.uncertain[record.lane].name, REPLAY}
    lines = [line for line in record.timeline if line.attempt == record.attempt]
    reasons = [line.rule for line in lines if line.state is State.RETRYING or line.rule in rules]
    return reasons[-1] if reasons else None


def _put_off(record: Record, due: int, attempt: int, rule: str) -> Transition:
    last = record.timeline[-1]
    again = record.state is State.QUEUED and last.rule == rule
    wake = min(due, record.expires_at)
    return Transition(State.QUEUED, attempt, wake, attempt, rule=rule, due=due, silent=again)


def _wake_waiting(record: Record, now: int, policy: Policy) -> Transition:
    if now >= record.expires_at:
        return expired(record, policy)
    queued = Transition(State.QUEUED, record.attempt, record.expires_at, record.attempt)
    if record.state is State.RETRYING:
        return replace(queued, rule="retry due", publish=True)
    if record.due is None:  # it already waits in the outbox
        return replace(queued, publish=True, silent=True)
    if record.due > now:
        return replace(queued, wake=min(record.due, record.expires_at), due=record.due, silent=True)
    return replace(queued, rule="due", publish=True)


def _wake_uncertain(record: Record, policy: Policy, now: int) -> Transition:
    deadline = _last_begun(record) + _ms(policy.report_deadline)
    if _may_resend(record, policy) and now < record.expires_at:
        rule = policy.uncertain[record.lane].name
        return Transition(State.QUEUED, record.attempt, record.expires_at, record.attempt, rule=rule, publish=True)
    if now >= deadline:
        return Transition(State.UNKNOWN, record.attempt, Wake.NEVER, record.attempt, rule="no report in time")
    return Transition(State.UNCERTAIN, record.attempt, deadline, record.attempt, silent=True)


def _may_resend(record: Record, policy: Policy) -> bool:
    lane = policy.uncertain[record.lane]
    sent_again = sum(line.rule == lane.name for line in record.timeline)
    return lane.resend and sent_again < lane.retries


def _last_begun(record: Record) -> int:
    return max((line.at for line in record.timeline if line.state is State.SUBMITTING), default=record.created_at)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
