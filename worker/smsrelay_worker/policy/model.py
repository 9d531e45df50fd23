"""What is done about a vendor's code: the policy's rows as values, and the decision one row leads to. Pure.

Enters: a row, how often it already caused a further attempt, a random roll. Leaves: a ``Decision``.
A row that waits without a backoff cannot be built (``ValueError``). ``policy.toml_file`` reads rows from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from smsrelay.contract.lanes import Lane
from smsrelay_worker.policy.backoff import Backoff
from smsrelay_worker.vendors.base import Answer, Kind

# The 34 status codes that the vendor's guide lists (table 状态码).
# fmt: off
GUIDE_CODES = frozenset({
    "200", "203", "207", "210", "211", "220", "221", "222", "229", "230", "231", "234", "237", "238",
    "250", "286", "290", "292", "295", "500", "502", "503", "504", "505", "506", "507", "508", "510",
    "511", "512", "513", "514", "515", "599",
})
# fmt: on
# The [submit] rows of every code that has none of its own: beside an external id the submit may have been accepted.
DEFAULT_WITH_ID = "default_with_id"
DEFAULT = "default"
SUBMIT_CODES = ("0000", "i005", "9999", "1999", DEFAULT_WITH_ID, DEFAULT)
_DEFAULTS = (DEFAULT_WITH_ID, DEFAULT)  # no codes of a vendor
CLASSES = tuple(kind for kind in Kind if kind is not Kind.ANSWERED)


class Action(StrEnum):
    """What a row does to the message; the value is the word the policy file uses as ``outcome``."""

    DELIVERED = "delivered"
    IN_PROGRESS = "in_progress"  # changes no state
    RETRY = "retry"  # a further attempt
    FAILED = "failed"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    DEFER = "defer"  # not executed: wait, no attempt counted
    HALT = "halt"  # not executed: nobody sends until a person acts, no attempt counted
    UNCERTAIN = "uncertain"  # may have been sent: the lane's row in [uncertain] says how long to wait


WAITING = frozenset({Action.RETRY, Action.DEFER, Action.HALT})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what a code of a report or an answer, or an answer's class, leads to.

    ``retries`` is how many further attempts the row may cause per message, None meaning until the message expires.
    """

    name: str  # as the timeline shows it: "status.503", "submit.0000", "class.throttled"
    code: str
    text: str
    zh: str
    action: Action
    retries: int | None = 0
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        if (self.backoff is not None) != (self.action in WAITING):
            raise ValueError(f"{self.name}: a backoff belongs to retry, defer and halt, and to nothing else")


@dataclass(frozen=True, slots=True)
class UncertainRule:
    """What a lane does about a submit whose answer never came and that no report has settled.

    After ``window`` seconds without a report the message is submitted once more (``resend``, at most ``retries``
    times, while it is valid) or ends as unknown.
    """

    name: str  # "uncertain.otp"
    window: float
    resend: bool
    retries: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and the row that says so. ``delay`` (seconds) is set exactly for retry, defer and halt."""

    action: Action
    rule: str
    delay: float | None
    exhausted: bool = False  # failed only because the row's retries are used up


@dataclass(frozen=True, slots=True)
class Policy:
    """Every row. Seconds after a submit: a silent message ends as unknown at ``report_deadline``, and the vendor is asked about
    it every ``pull_after``, None for never."""

    status: Mapping[str, Rule]
    submit: Mapping[str, Rule]
    classes: Mapping[Kind, Rule]
    uncertain: Mapping[Lane, UncertainRule]
    report_deadline: float
    pull_after: float | None = None

    def for_status(self, code: str) -> Rule | None:
        """The row of a reported status code; None for an unlisted one, which changes no state."""
        return self.status.get(code)

    def for_answer(self, answer: Answer) -> Rule:
        """The row of an answer: the vendor's own code decides, or else the class of who answered instead."""
        if answer.kind is not Kind.ANSWERED:
            return self.classes[answer.kind]
        listed = None if answer.code in _DEFAULTS else self.submit.get(answer.code)
        return listed or self.submit[DEFAULT_WITH_ID if answer.has_id else DEFAULT]


def decide(rule: Rule, retried: int, roll: float) -> Decision:
    """What a row leads to when it has already caused ``retried`` further attempts (or deferrals) of this message.

    ``roll`` is random, 0 up to but not 1. Deferrals have no limit but the message's expiry, which the caller checks.
    """
    if rule.action is Action.RETRY and rule.retries is not None and retried >= rule.retries:
        return Decision(Action.FAILED, rule.name, None, exhausted=True)
    delay = rule.backoff.delay(retried + 1, roll) if rule.backoff else None
    return Decision(rule.action, rule.name, delay)
