"""Describes the policy: one row as a sentence, all rows as a table.

Takes a ``Policy``, returns English text. Durations are those of the rows, without jitter. A code without a row is explained, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from smsrelay_worker.policy.backoff import Backoff
from smsrelay_worker.policy.model import DEFAULT, DEFAULT_WITH_ID, Action, Policy, Rule, UncertainRule
from smsrelay_worker.vendors.base import DEADLINE_PASSED
from smsrelay_worker.vendors.yisha.code_kinds import kinds_of

_NO_JITTER = 0.5  # the roll that leaves a delay as it is
_LISTED = 4  # delays written out before "…"
_ENDLESS = 10**9  # retries of a row that only the message's expiry ends
_UNITS = ((3600, "h"), (60, "min"))
_LATE_200 = "a late 200 still makes it delivered"
_SUPPRESSES = " Its number gets no more marketing from this sender; codes and notices still reach it."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, each cell ready to print."""

    code: str
    text: str
    zh: str
    outcome: str
    retried: str


def rows(policy: Policy) -> Iterator[Row]:
    """All rows of the policy: status codes, then the vendor's answers to a submit, then the classes."""
    for rule in sorted(policy.status.values(), key=lambda rule: rule.code):
        yield _row(policy, rule, rule.code)
    for rule in chain(policy.submit.values(), policy.classes.values()):
        yield _row(policy, rule, rule.name)


def markdown_table(policy: Policy) -> str:
    """The table as Markdown, one line per row, without a trailing newline."""
    lines = ["| code | text | 中文 | outcome | retried |", "|---|---|---|---|---|"]
    for row in rows(policy):
        text, zh = row.text.replace("|", r"\|"), row.zh.replace("|", r"\|")
        lines.append(f"| `{row.code}` | {text} | {zh} | {row.outcome} | {row.retried} |")
    return "\n".join(lines)


def explain(policy: Policy, code: str) -> str:
    """What happens on a code and when, one line for each row of that name.

    ``code`` is a status code, a submit code, a class, a rule as a timeline names it ("uncertain.otp"), or a code of the gateway
    or the network ("http_429"), which is explained by the row of its class.
    """
    if code == DEADLINE_PASSED:
        return f"{code}: the message's deadline passed before its request was written. Nothing was sent, and the message expires."
    listed = chain(policy.status.values(), policy.submit.values(), policy.classes.values())
    found = [_explained(policy, rule) for rule in listed if code in (rule.code, rule.name)]
    found += [f"{code}: {_lane(rule)}." for rule in policy.uncertain.values() if rule.name == code]
    found = found or [f"{code} belongs to class {_explained(policy, policy.classes[kind])}" for kind in kinds_of(code)]
    return "\n".join(found) or _unlisted(policy, code)


def _explained(policy: Policy, rule: Rule) -> str:
    return f"{rule.code} {rule.text} ({rule.zh}): {_sentence(policy, rule)}"


def _unlisted(policy: Policy, code: str) -> str:
    default, with_id = policy.submit[DEFAULT], policy.submit[DEFAULT_WITH_ID]
    return (
        f"{code} has no row. As a reported status it is stored and counted, and changes no state. "
        f"As the vendor's answer to a submit it is handled by {default.name}: {_sentence(policy, default)} "
        f"With an external id it is handled by {with_id.name}: {_sentence(policy, with_id)}"
    )


def _sentence(policy: Policy, rule: Rule) -> str:  # noqa: PLR0911  one line per action
    match rule.action:
        case Action.DELIVERED:
            return "the message is delivered; no later report changes that."
        case Action.IN_PROGRESS:
            return f"the message is still on its way, and its state does not change. {_silence(policy)}"
        case Action.SUBMITTED:
            return f"the vendor accepted the message; its status reports decide. {_silence(policy)}"
        case Action.FAILED if rule.name.startswith("status."):
            return f"the message fails and is not submitted again; {_LATE_200}.{_SUPPRESSES if rule.suppress else ''}"
        case Action.FAILED:
            return "the message fails and is not submitted again."
        case Action.UNKNOWN:
            return f"the message may or may not have arrived; it ends as unknown and is not submitted again; {_LATE_200}."
        case Action.UNCERTAIN:
            lanes = "; ".join(_lane(lane) for lane in policy.uncertain.values())
            return f"the vendor may have the message, so it is not submitted again at once; a report settles it. {lanes}."
        case _:
            return _waiting(rule)


def _waiting(rule: Rule) -> str:
    when = f"after about {_delays(rule)}"
    if rule.action is Action.DEFER:
        return f"not sent; the message waits and is tried again {when}, until it expires; no attempt is counted."
    if rule.action is Action.HALT:
        return (
            "not sent; all submits stop until somebody fixes the cause. Every job is kept, and no attempt is counted. "
            f"The message is tried again {when}, until it expires."
        )
    if rule.retries is None:
        return f"submitted again {when}, until the message expires."
    times = "once" if rule.retries == 1 else f"up to {rule.retries} times"
    return f"submitted again {times}, {when}, unless the message expires first; after that it fails."


def _silence(policy: Policy) -> str:
    return f"Without a final report within {_duration(policy.report_deadline)} of the submit it ends as unknown."


def _lane(rule: UncertainRule) -> str:
    lane = rule.name.removeprefix("uncertain.")
    wait = f"{lane} waits {_duration(rule.window)} for a report"
    if not rule.resend:
        return f"{wait} and then ends as unknown"
    times = "once more" if rule.retries == 1 else f"again, up to {rule.retries} times"
    return f"{wait} and is then submitted {times}, unless it has expired"


def _row(policy: Policy, rule: Rule, code: str) -> Row:
    return Row(code, rule.text, rule.zh, rule.action.replace("_", " "), _retried(policy, rule))


def _retried(policy: Policy, rule: Rule) -> str:
    if rule.action is Action.RETRY:
        times = f"{rule.retries}×" if rule.retries else "until it expires"
        return f"{times}: {_delays(rule)}"
    if rule.backoff:
        return f"no attempt counted; again after {_delays(rule)}"
    if rule.action is Action.UNCERTAIN:
        again = [lane for lane in policy.uncertain.values() if lane.resend]
        return "; ".join(f"{lane.name.partition('.')[2]} {lane.retries}×: {_duration(lane.window)}" for lane in again)
    if rule.suppress:
        return "no; no more marketing to the number"
    return "no" if rule.action in (Action.FAILED, Action.UNKNOWN) else ""


def _delays(rule: Rule) -> str:
    """The row's delays: all of them if they are few, else the first ones and the longest."""
    if rule.backoff is None:
        return ""
    jitter = f" (±{rule.backoff.jitter * 100:.3g} %)" if rule.backoff.jitter else ""
    return _listed(rule.backoff, rule.retries or _ENDLESS) + jitter


def _listed(backoff: Backoff, count: int) -> str:
    first, *others = [_planned(backoff, retry) for retry in range(1, min(count, _LISTED) + 1)]
    longest = _planned(backoff, count)
    if not others:
        return first
    if first == longest:
        return f"{first} each time"
    if count > _LISTED:
        return f"{', '.join([first, *others[:-1]])} … at most {longest}"
    return f"{', '.join([first, *others[:-1]])} and {longest}"


def _planned(backoff: Backoff, retry: int) -> str:
    return _duration(backoff.delay(retry, _NO_JITTER))


def _duration(seconds: float) -> str:
    """Seconds in a readable unit: 45 s, 2 min, 72 h."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
