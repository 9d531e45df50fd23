"""Story: a message's timeline in sentences; pure.

Enters: a record and the policy that decided. Leaves: one line for each entry, and one for what comes next. A rule the present
policy no longer knows is shown by its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from smsrelay.contract.state import State
from smsrelay_worker.messages.record import Entry, Record, VendorMessage
from smsrelay_worker.policy.model import Policy, Rule

_PLAIN = {
    "enqueued": "accepted and queued",
    "not_before": "accepted; waits for the time the app named",
    "due": "its time has come; queued",
    "retry due": "queued again for the next attempt",
    "halted": "put off: the vendor account is halted until an operator resumes; no attempt was made",
    "rate": "put off: no slot in the shared rate; no attempt was made",
    "lease ran out": "the worker never recorded an answer; the SMS may have been sent, so a report is awaited",
    "no report in time": "no report came within the deadline",
    "too late": "its deadline came before its submit; nothing was sent",
    "expired": "past its deadline; not submitted any more",
    "replay": "an operator asked for another attempt",
    "by the app": "withdrawn by the app before anything was submitted",
    "answer after report": "the vendor's answer came after the attempt was settled; changes nothing",
    "answer of an earlier begin": "an answer to an attempt that was begun anew since; changes nothing",
    "report unlisted": "the policy does not list this code; kept, changes nothing",
    "report older": "an older report than the one that counts; changes nothing",
    "report on earlier attempt": "a report on an attempt that a later one has replaced; changes nothing",
    "report after the end": "a report after the message was settled; changes nothing",
    "report, retry under way": "another attempt is already under way; changes nothing",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story. ``at`` is ms since the epoch on the store's clock."""

    at: int
    state: State
    attempt: int
    code: str
    rule: str
    text: str


def story(record: Record, policy: Policy) -> list[Line]:
    """The timeline in sentences, oldest first."""
    said = _answer_with_a_message(record)
    return [_line(line, policy, record.vendor_message if place == said else None) for place, line in enumerate(record.timeline)]


def ahead(record: Record, policy: Policy) -> str | None:
    """What happens next to a message that is not final."""
    window = policy.uncertain[record.lane]
    resend = f"; submitted again after {window.window:g} s without one" if window.resend else ""
    due = clock(record.due or record.expires_at)
    return {
        State.RETRYING: f"attempt {record.attempt + 1} is due at {due}",
        State.QUEUED: f"not to be submitted before {due}" if record.due else f"waits for a worker; expires at {due}",
        State.SUBMITTING: "a worker is submitting it",
        State.SUBMITTED: "waits for the vendor's report",
        State.UNCERTAIN: "waits for a report" + resend,
    }.get(record.state)


def clock(at: int) -> str:
    """An instant as people read it, UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _answer_with_a_message(record: Record) -> int | None:
    """Which line is the answer that the vendor's message came with; none once that line is folded into another."""
    lines = [(line.attempt, line.rule.startswith("submit.")) for line in record.timeline]
    about = (record.vendor_message.attempt, True) if record.vendor_message else None
    return next((place for place in reversed(range(len(lines))) if lines[place] == about), None)


def _line(line: Entry, policy: Policy, message: VendorMessage | None) -> Line:
    text = " ".join(_parts(line, policy)) + (f"; the vendor said: {message.text}" if message else "")
    return Line(line.at, line.state, line.attempt, line.code, line.rule, text)


def _parts(line: Entry, policy: Policy) -> Iterator[str]:
    if line.rule == "begun":
        yield f"attempt {line.attempt} begins"
        return
    if line.attempt:
        yield f"attempt {line.attempt}:"
    rule = _rule(line.rule.removesuffix(" used up"), policy)
    if line.code and (rule is None or line.code != rule.code or rule.name.startswith("class.")):
        yield f"({line.code})"
    yield _PLAIN.get(line.rule) or _ruled(rule, line)


def _ruled(rule: Rule | None, line: Entry) -> str:
    if rule is None:
        return "no report came; submitted again, a code twice does no harm" if line.rule.startswith("uncertain.") else line.rule
    used_up = "; its further attempts are used up" if line.rule.endswith(" used up") else ""
    return f"{rule.code} {rule.text} {rule.zh}{used_up}"


def _rule(name: str, policy: Policy) -> Rule | None:
    rows = [*policy.status.values(), *policy.submit.values(), *policy.classes.values()]
    return next((row for row in rows if row.name == name), None)
