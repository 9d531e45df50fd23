"""Timeline: a message's timeline in sentences. Pure.

One line for each entry, and one for what comes next. A rule that the present policy no longer has is shown by its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record, VendorMessage
from smsrelay_worker.policy.model import Policy, Rule

_PLAIN = {
    "enqueued": "accepted and queued",
    "not_before": "accepted; waits until the time the app asked for",
    "due": "now due; queued",
    "retry due": "queued again for the next attempt",
    "halted": "deferred: submits are halted until an operator resumes or a probe succeeds; no attempt was made",
    "rate": "deferred: no slot in the shared rate; no attempt was made",
    "lease ran out": "the worker recorded no answer in time; the SMS may have been sent, so a report is awaited",
    "no report in time": "no report came before the report deadline",
    "too late": "its deadline passed before the submit; nothing was sent",
    "expired": "past its deadline; will not be submitted",
    "not in only_to": "SMSRELAY_ONLY_TO of the workers does not list its number; nothing was submitted",
    "replay": "an operator asked for another attempt",
    "test": "a test message: nothing was submitted to the vendor; its number decides what is reported",
    "window ignored": "accepted and queued; the app wants it submitted at any hour, whatever the send window says",
    "not_before, window ignored": "accepted; waits until the time the app asked for, whatever the send window says",
    "fuse": "deferred: its app has sent as many messages to this country today as its fuse allows; no attempt was made",
    "suppressed": "its number is on a suppression list; will not be submitted",
    "country not allowed": "its app may not send to the country of its number; nothing was submitted",
    "campaign cancelled": "cancelled with its campaign before it was submitted",
    "by the app": "cancelled by the app before anything was submitted",
    "answer after report": "the vendor's answer came after the attempt was settled; no effect",
    "answer of an earlier begin": "an answer to a begin that another one has replaced; no effect",
    "report unlisted": "the policy does not list this code; recorded, no effect",
    "report older": "older than the report that counts; no effect",
    "report on earlier attempt": "a report on an attempt that a later one has replaced; no effect",
    "report after the end": "a report after the message was settled; no effect",
    "report, retry under way": "another attempt is already under way; no effect",
}


_NAMED = {  # rules with a name behind the word
    "cap": "deferred: its number has had as many texts as the cap {} allows; no attempt was made",
    "window": "deferred: its send window ({}) is closed; no attempt was made",
    "halted": "deferred: its {} is halted until somebody resumes it; no attempt was made",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry in words. ``at`` is ms since the epoch on the store's clock."""

    at: int
    state: State
    attempt: int
    code: str
    rule: str
    text: str


def describe_timeline(record: Record, policy: Policy) -> list[Line]:
    """The timeline in sentences, oldest first."""
    with_message = _index_of_vendor_message(record)
    return [
        _line(entry, policy, record.vendor_message if index == with_message else None)
        for index, entry in enumerate(record.timeline)
    ]


def next_step(record: Record, policy: Policy) -> str | None:
    """What happens next to the message; None if it is final."""
    window = policy.uncertain[record.lane]
    resend = f"; submitted again after {window.window:g} s without one" if window.resend else ""
    due = clock(record.due or record.expires_at)
    if record.held and record.state is State.QUEUED:
        ends = f"{due}, or until " if record.due and record.due < record.expires_at else ""
        return f"waits until {ends}{record.held} is resumed; expires at {clock(record.expires_at)}"
    return {
        State.RETRYING: f"attempt {record.attempt + 1} is due at {due}",
        State.QUEUED: f"not to be submitted before {due}" if record.due else f"waits for a worker; expires at {due}",
        State.SUBMITTING: "a worker is submitting it",
        State.SUBMITTED: "waits for the vendor's report",
        State.UNCERTAIN: "waits for a report" + resend,
    }.get(record.state)


def clock(at: int) -> str:
    """An instant (ms since the epoch) in UTC, for people to read."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _index_of_vendor_message(record: Record) -> int | None:
    """Index of the answer that the vendor's message came with; None once that entry is folded into another."""
    answers = [(entry.attempt, entry.rule.startswith("submit.")) for entry in record.timeline]
    wanted = (record.vendor_message.attempt, True) if record.vendor_message else None
    return next((index for index in reversed(range(len(answers))) if answers[index] == wanted), None)


def _line(entry: Entry, policy: Policy, message: VendorMessage | None) -> Line:
    text = " ".join(_parts(entry, policy)) + (f"; the vendor said: {message.text}" if message else "")
    return Line(entry.at, entry.state, entry.attempt, entry.code, entry.rule, text)


def _parts(entry: Entry, policy: Policy) -> Iterator[str]:
    if entry.rule == "begun":
        yield f"attempt {entry.attempt} begins"
        return
    if entry.attempt:
        yield f"attempt {entry.attempt}:"
    rule = _rule(entry.rule.removesuffix(" used up"), policy)
    if entry.code and (rule is None or entry.code != rule.code or rule.name.startswith("class.")):
        yield f"({entry.code})"
    yield _PLAIN.get(entry.rule) or _by_limit(entry.rule) or _by_policy(rule, entry)


def _by_limit(rule: str) -> str | None:
    kind, _, name = rule.partition(" ")
    return _NAMED[kind].format(name) if name and kind in _NAMED else None


def _by_policy(rule: Rule | None, entry: Entry) -> str:
    if rule is None:
        resent = entry.rule.startswith("uncertain.")
        return "no report came; submitted again, because a repeated code does no harm" if resent else entry.rule
    used_up = "; no retries are left" if entry.rule.endswith(" used up") else ""
    return f"{rule.code} {rule.text} {rule.zh}{used_up}"


def _rule(name: str, policy: Policy) -> Rule | None:
    rows = [*policy.status.values(), *policy.submit.values(), *policy.classes.values()]
    return next((row for row in rows if row.name == name), None)
