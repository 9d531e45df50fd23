"""Lifecycle: the state machine of a message, as pure functions from a record and an event to one transition.

Each takes the record as it was read, what happened (a wake-up, an answer, a time that has come), the store's clock in ms and
perhaps a random roll. It returns the ``Transition`` to apply, or None if there is nothing to do; nothing is raised.
The store applies a transition only to the record it was decided on; otherwise the caller reads and decides again.
The vendor's reports are in ``messages.reports``.
"""

from dataclasses import replace

from smsrelay.contract.state import State
from smsrelay.messages.checks import Checks
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages.begin_wait import begin_wait
from smsrelay_worker.messages.lost_tally import lost_tally
from smsrelay_worker.messages.report_tally import is_report
from smsrelay_worker.policy.model import Action, Decision, Policy, Rule, decide
from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind

REPLAY = "replay"
HALTED = "halted"
_FOLDED_FROM = 60  # lines
ENDS = {
    Action.DELIVERED: State.DELIVERED,
    Action.FAILED: State.FAILED,
    Action.UNKNOWN: State.UNKNOWN,
}


def begin(record: Record, now: int, lease: int, owner: str, policy: Policy, checks: Checks | None = None) -> Transition | None:
    """Begin the next attempt of a queued message, leased to ``owner`` for ``lease`` ms; None if it may not begin now.

    ``checks``: what the store checks in the same step.
    """
    if record.state is not State.QUEUED or (record.due is not None and record.due > now):
        return None
    if now >= record.expires_at:
        return expired(record, policy)
    attempt, tally = record.attempt + 1, begin_wait(record, now)
    return Transition(State.SUBMITTING, attempt, now + lease, attempt, rule="begun", owner=owner, checks=checks, tally=tally)


def deferred(record: Record, now: int, delay: int, rule: str, policy: Policy) -> Transition | None:
    """Defer a queued message by ``delay`` ms; counts no attempt. None if it has been deferred for longer meanwhile."""
    if record.state is not State.QUEUED:
        return None
    if now >= record.expires_at:
        return expired(record, policy)
    if record.due is not None and record.due > now + delay:
        return None
    return replace(put_off(record, now + delay, record.attempt, rule), halted=rule == HALTED)


def given_back(record: Record, now: int, policy: Policy) -> Transition | None:
    """Wake another worker for a queued message that this one has claimed and does not get to."""
    if record.state is not State.QUEUED or (record.due is not None and record.due > now):
        return None
    if now >= record.expires_at:
        return expired(record, policy)
    return Transition(State.QUEUED, record.attempt, record.expires_at, record.attempt, publish=True, silent=True)


def answered(record: Record, attempt: int, answer: Answer, policy: Policy, now: int, roll: float) -> Transition:
    """Apply the answer of a submit to a record that waits for it (``messages.attempt_result`` says whether it does)."""
    if (answer.kind, answer.code) == (Kind.UNREACHABLE, DEADLINE_PASSED):
        return _overdue(record, attempt, policy, now)
    rule = policy.for_answer(answer)
    decision = decide(rule, times_retried(record, rule, attempt), roll)
    if decision.action in {Action.DEFER, Action.HALT}:
        delay = max(decision.delay or 0.0, answer.retry_after or 0.0)
        waiting = put_off(record, now + _ms(delay), attempt - 1, rule.name)
        halted = decision.action is Action.HALT
        return replace(waiting, line_attempt=attempt, code=answer.code, message=answer.message, halted=halted)
    moved = outcome(record, attempt, decision, policy, now)
    return replace(moved, code=answer.code, message=answer.message, external_id=answer.external_id)


def is_leased(record: Record, now: int, lease: int) -> bool:
    """Whether an attempt is in flight whose ``lease`` (ms) has not run out."""
    return record.state is State.SUBMITTING and record.begun_at is not None and now < record.begun_at + lease


def woken(record: Record, policy: Policy, now: int) -> Transition | None:
    """What to do now that the message's time in the agenda has come; None if it is final."""
    match record.state:
        case State.QUEUED | State.RETRYING:
            return _wake_waiting(record, now, policy)
        case State.SUBMITTING:
            return replace(uncertain(record, record.attempt, "lease ran out", policy, now), tally=lost_tally(record))
        case State.UNCERTAIN:
            return _wake_uncertain(record, policy, now)
        case State.SUBMITTED:
            return _wake_submitted(record, policy, now)
        case _:
            return None


def gives_up_on_reports(record: Record, moved: Transition | None) -> bool:
    """Whether ``moved``, which ``woken`` made of the record, is another submit, or the end, because no report has come."""
    waits_for_reports = record.state in {State.SUBMITTED, State.UNCERTAIN}
    return waits_for_reports and moved is not None and moved.state is not record.state


def replayed(record: Record, now: int) -> Transition | None:
    """Queue a failed or unknown message for another attempt, because an operator asked; None for any other, or an expired one."""
    if record.state not in {State.FAILED, State.UNKNOWN} or now >= record.expires_at:
        return None
    return Transition(State.QUEUED, record.attempt, record.expires_at, record.attempt, rule=REPLAY, publish=True, why=REPLAY)


def outcome(record: Record, attempt: int, decision: Decision, policy: Policy, now: int) -> Transition:
    """The transition that a decision of the policy leads to."""
    name = f"{decision.rule} used up" if decision.exhausted else decision.rule
    if decision.action is Action.RETRY:
        due = now + _ms(decision.delay or 0.0)
        return Transition(
            State.RETRYING,
            attempt,
            min(due, record.expires_at),
            attempt,
            rule=name,
            due=due,
            why=name,
            counts=_counted(record, name, attempt),
            folds=_folds(record, name, State.RETRYING, State.QUEUED, State.SUBMITTING),
        )
    if decision.action is Action.UNCERTAIN:
        return uncertain(record, attempt, name, policy, now)
    if decision.action in ENDS:
        return Transition(ENDS[decision.action], attempt, Wake.NEVER, attempt, rule=name)
    return Transition(State.SUBMITTED, attempt, now + first_look(policy), attempt, rule=name)


def first_look(policy: Policy) -> int:
    """Milliseconds from a submit to the first check for a missing report: the first status poll, or else the report deadline."""
    return _ms(min(policy.report_deadline, policy.pull_after or policy.report_deadline))


def silent(record: Record, policy: Policy, now: int) -> bool:
    """Whether the vendor may be polled about a message: submitted, without a report, before its report deadline."""
    waits = record.state is State.SUBMITTED or (record.state is State.UNCERTAIN and not _may_resend(record, policy))
    known = waits and record.external_id is not None
    return known and policy.pull_after is not None and now < _deadline(record, policy)


def to_be_asked(record: Record, policy: Policy, now: int, wait: int) -> Transition:
    """Poll the vendor about a silent message in ``wait`` ms, when a slot is free, or now (0) and set the next poll."""
    if wait > 0:
        due = min(now + wait, _deadline(record, policy))
        return Transition(record.state, record.attempt, due, record.attempt, due=due, silent=True)
    again = min(now + first_look(policy), _deadline(record, policy))
    return Transition(record.state, record.attempt, again, record.attempt, silent=True)


def uncertain(record: Record, attempt: int, rule: str, policy: Policy, now: int) -> Transition:
    """Possibly submitted: wait for a report, for the lane's window or until the report deadline."""
    lane = policy.uncertain[record.lane]
    wait = _ms(lane.window) if _may_resend(record, policy) else first_look(policy)
    return Transition(State.UNCERTAIN, attempt, now + wait, attempt, rule=rule)


def expired(record: Record, policy: Policy) -> Transition:
    """End an expired message. If an attempt is still uncertain, it waits for a report again: it may have arrived."""
    if resend_under_way(record, policy) or _resent_unreported(record, policy):
        wake = _deadline(record, policy)
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
    """How many earlier attempts this row has already followed with another attempt."""
    times, last = record.counts.get(rule.name, (0, 0))
    return times - (last == attempt and times > 0)


def resend_under_way(record: Record, policy: Policy) -> bool:
    """Whether the message waits to be submitted again because its last attempt is uncertain."""
    return record.state is State.QUEUED and record.why == policy.uncertain[record.lane].name


def replay_under_way(record: Record) -> bool:
    """Whether the message waits to be submitted again because an operator asked."""
    return record.state is State.QUEUED and record.why == REPLAY


def put_off(record: Record, due: int, attempt: int, rule: str) -> Transition:
    """Queued, and not attempted before ``due`` (ms)."""
    last = record.timeline[-1]
    again = record.state is State.QUEUED and last.rule == rule
    folds = _folds(record, rule, State.QUEUED, State.SUBMITTING)
    wake = min(due, record.expires_at)
    return Transition(State.QUEUED, attempt, wake, attempt, rule=rule, due=due, folds=folds, silent=again)


def _counted(record: Record, rule: str, attempt: int) -> dict[str, tuple[int, int]]:
    times, last = record.counts.get(rule, (0, 0))
    return {**record.counts, rule: (times + (last != attempt), attempt)}


def _folds(record: Record, rule: str, *cycle: State) -> int:
    """How many of the last lines repeat what the next line says: a long timeline shows hours of the same failure once."""
    lines = record.timeline[-len(cycle) :]
    same = tuple(line.state for line in lines) == cycle and lines[0].rule == rule
    return len(cycle) if same and len(record.timeline) >= _FOLDED_FROM else 0


def _overdue(record: Record, attempt: int, policy: Policy, now: int) -> Transition:
    """Begun but not submitted because of the deadline: no attempt. It expires by the store's clock, never earlier."""
    as_before = replace(record, state=State.QUEUED, attempt=attempt - 1)
    if now >= record.expires_at:
        ended = expired(as_before, policy)
    else:
        ended = put_off(record, record.expires_at, attempt - 1, "too late")
    return replace(ended, line_attempt=attempt, code=DEADLINE_PASSED)


def _wake_waiting(record: Record, now: int, policy: Policy) -> Transition:
    if now >= record.expires_at:
        return expired(record, policy)
    queued = Transition(State.QUEUED, record.attempt, record.expires_at, record.attempt)
    if record.state is State.RETRYING:
        return replace(queued, rule="retry due", publish=True)
    if record.due is None:  # it is in the outbox already
        return replace(queued, publish=True, silent=True)
    if record.due > now:
        return replace(queued, wake=min(record.due, record.expires_at), due=record.due, silent=True)
    was_put_off = record.timeline[-1].rule != "not_before"  # its line already says that it is tried again
    return replace(queued, rule="due", publish=True, silent=was_put_off)


def _wake_submitted(record: Record, policy: Policy, now: int) -> Transition:
    if now >= _deadline(record, policy):
        return Transition(State.UNKNOWN, record.attempt, Wake.NEVER, record.attempt, rule="no report in time")
    return Transition(State.SUBMITTED, record.attempt, _deadline(record, policy), record.attempt, silent=True)


def _wake_uncertain(record: Record, policy: Policy, now: int) -> Transition:
    if _may_resend(record, policy) and now < record.expires_at:
        over = _uncertain_since(record) + _ms(policy.uncertain[record.lane].window)
        if now < over:  # it was recorded long after it was decided, because the store was away
            return Transition(State.UNCERTAIN, record.attempt, over, record.attempt, silent=True)
        rule, attempt = policy.uncertain[record.lane].name, record.attempt
        counts = _counted(record, rule, attempt)
        queued = Transition(State.QUEUED, attempt, record.expires_at, attempt, rule=rule, publish=True)
        return replace(queued, why=rule, counts=counts)
    if now >= _deadline(record, policy):
        return Transition(State.UNKNOWN, record.attempt, Wake.NEVER, record.attempt, rule="no report in time")
    return Transition(State.UNCERTAIN, record.attempt, _deadline(record, policy), record.attempt, silent=True)


def _uncertain_since(record: Record) -> int:
    """When the last attempt was recorded as uncertain; reports on it can be applied from then on."""
    return next((line.at for line in record.timeline if (line.state, line.attempt) == (State.UNCERTAIN, record.attempt)), 0)


def _may_resend(record: Record, policy: Policy) -> bool:
    lane = policy.uncertain[record.lane]
    sent_again, _ = record.counts.get(lane.name, (0, 0))
    return lane.resend and sent_again < lane.retries


def _resent_unreported(record: Record, policy: Policy) -> bool:
    """Whether it was submitted once more because an attempt was uncertain, and no report has come on that one or a later one."""
    _, attempt = record.counts.get(policy.uncertain[record.lane].name, (0, 0))
    return attempt > 0 and not any(line.attempt >= attempt and is_report(line) for line in record.timeline)


def _deadline(record: Record, policy: Policy) -> int:
    return (record.begun_at or record.created_at) + _ms(policy.report_deadline)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
