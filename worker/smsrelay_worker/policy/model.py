"""Policy: what each of the vendor's codes leads to, as values, and the decision that a row leads to. Pure.

``policy.toml_file`` reads the rows from a file. Raises ``ValueError`` for a row that waits and has no backoff.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from smsrelay.contract.lanes import Lane
from smsrelay_worker.policy.backoff import Backoff
from smsrelay_worker.vendors.base import Answer, Kind

# The [submit] rows for codes without a row of their own. With an external id, the submit may have been accepted.
DEFAULT_WITH_ID = "default_with_id"
DEFAULT = "default"
DEFAULTS = (DEFAULT_WITH_ID, DEFAULT)  # not codes of a vendor
CLASSES = tuple(kind for kind in Kind if kind is not Kind.ANSWERED)


class Action(StrEnum):
    """What a row does to the message. The value is the word that the policy file uses as ``outcome``."""

    DELIVERED = "delivered"
    IN_PROGRESS = "in_progress"  # changes no state
    RETRY = "retry"  # a further attempt
    FAILED = "failed"
    UNKNOWN = "unknown"
    SUBMITTED = "submitted"
    DEFER = "defer"  # the vendor did not execute it: wait; no attempt is counted
    HALT = "halt"  # not executed either: every submit stops until a person acts; no attempt is counted
    UNCERTAIN = "uncertain"  # it may have been sent: the lane's row in [uncertain] says how long to wait


WAITING = frozenset({Action.RETRY, Action.DEFER, Action.HALT})


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: what a status code, the code of an answer, or the class of an answer leads to.

    ``retries`` is how many further attempts the row may cause per message; None: until the message expires. ``suppress``: the
    number gets no more marketing from the sender.
    """

    name: str  # as the timeline shows it: "status.503", "submit.0000", "class.throttled"
    code: str
    text: str
    zh: str
    action: Action
    retries: int | None = 0
    backoff: Backoff | None = None
    suppress: bool = False

    def __post_init__(self) -> None:
        if self.suppress and self.action is not Action.FAILED:
            raise ValueError(f"{self.name}: only a code that fails a message can suppress its number")
        if (self.backoff is not None) != (self.action in WAITING):
            raise ValueError(f"{self.name}: a backoff belongs to retry, defer and halt, and to nothing else")


@dataclass(frozen=True, slots=True)
class UncertainRule:
    """What a lane does about a submit that was never answered and that no report has settled.

    After ``window`` seconds without a report the message is submitted again (``resend``, at most ``retries`` times, until it
    expires) or ends as unknown.
    """

    name: str  # "uncertain.otp"
    window: float
    resend: bool
    retries: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do now, and the row that says so. ``delay`` (seconds) is set for retry, defer and halt only."""

    action: Action
    rule: str
    delay: float | None
    exhausted: bool = False  # failed only because the row's retries are used up


@dataclass(frozen=True, slots=True)
class Policy:
    """Every row. Without a final report, a message ends as unknown ``report_deadline`` seconds after its submit; until then the
    vendor is asked about it every ``pull_after`` seconds (None: never)."""

    status: Mapping[str, Rule]
    submit: Mapping[str, Rule]
    classes: Mapping[Kind, Rule]
    uncertain: Mapping[Lane, UncertainRule]
    report_deadline: float
    pull_after: float | None = None

    def for_status(self, code: str) -> Rule | None:
        """The row of a reported status code; None for a code that is not listed, which changes no state."""
        return self.status.get(code)

    def for_answer(self, answer: Answer) -> Rule:
        """The row of an answer: by the vendor's own code, or by the class of the answer if it is not the vendor's."""
        if answer.kind is not Kind.ANSWERED:
            return self.classes[answer.kind]
        listed = None if answer.code in DEFAULTS else self.submit.get(answer.code)
        return listed or self.submit[DEFAULT_WITH_ID if answer.has_id else DEFAULT]


def decide(rule: Rule, retried: int, roll: float) -> Decision:
    """What a row leads to after it has already caused ``retried`` further attempts (or deferrals) of this message.

    ``roll`` is random, 0 ≤ roll < 1. Deferrals are limited by the message's expiry only, which the caller checks.
    """
    if rule.action is Action.RETRY and rule.retries is not None and retried >= rule.retries:
        return Decision(Action.FAILED, rule.name, None, exhausted=True)
    delay = rule.backoff.delay(retried + 1, roll) if rule.backoff else None
    return Decision(rule.action, rule.name, delay)
