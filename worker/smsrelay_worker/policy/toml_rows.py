"""Reads the rows of a policy file into values.

Takes sections of the file, returns backoffs, rules and the lanes' rules. For an invalid row it returns a harmless placeholder and
adds the reason to the section's list of problems. Nothing is raised.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from smsrelay.contract.lanes import Lane
from smsrelay_worker.policy.backoff import Backoff
from smsrelay_worker.policy.model import WAITING, Action, Rule, UncertainRule
from smsrelay_worker.policy.toml_section import Range, Section

UNTIL_EXPIRY = "until_expiry"
REPORT_DEADLINE = "report_deadline"
SECONDS = Range(0, 30 * 24 * 3600, above=True)  # zero would retry in a tight loop; more than 30 days is a wrong unit
_FACTOR = Range(1, 100)
_SHARE = Range(0, 1)
_RETRIES = Range(1, 1000, whole=True)
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,24}")

_STATUS = (Action.DELIVERED, Action.IN_PROGRESS, Action.RETRY, Action.FAILED, Action.UNKNOWN)
_CLASS = (Action.RETRY, Action.FAILED, Action.UNCERTAIN, Action.DEFER, Action.HALT)
_OUTCOMES = {"status": _STATUS, "submit": (Action.SUBMITTED, *_CLASS), "class": _CLASS}
# Rows with fewer outcomes: any other would break a promise, such as sending a delivered or an uncertain message again.
_ALLOWED = {
    "status.200": (Action.DELIVERED,),
    "submit.0000": (Action.SUBMITTED,),
    "submit.default_with_id": (Action.UNCERTAIN, Action.SUBMITTED, Action.FAILED),
    "class.uncertain": (Action.UNCERTAIN,),
}


@dataclass(frozen=True, slots=True)
class RetryDefault:
    """The table [retry]: defaults for rows with the outcome retry. Either may be absent."""

    retries: float | str | None
    backoff: str | None


def read_backoff(name: str, section: Section) -> Backoff:
    """One row of [backoff]."""
    base, factor = section.number("base_s", SECONDS), section.number("factor", _FACTOR)
    cap, jitter = section.number("cap_s", SECONDS), section.number("jitter", _SHARE)
    if cap < base:
        section.report(f"{cap:g} is below base_s; allowed: {base:g} or more", "cap_s")
    section.close()
    return Backoff(name, base, factor, cap, jitter)


def read_retry_default(root: Section, backoffs: Collection[str]) -> RetryDefault:
    """The table [retry], if there is one."""
    if not root.has("retry"):
        return RetryDefault(None, None)
    section = root.section("retry")
    found = RetryDefault(section.number_or_word("retries", _RETRIES, UNTIL_EXPIRY), section.word("backoff", backoffs))
    section.close()
    return found


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Reads the tables [status], [submit] and [class], whose rows refer to [backoff] and take defaults from [retry]."""

    backoffs: Mapping[str, Backoff]
    default: RetryDefault

    def read(self, root: Section, table: str, required: Collection[str], *, closed: bool = False) -> dict[str, Rule]:
        """All rows of one table, by code."""
        sections = root.tables(table, required, closed=closed)
        return {code: self._rule(table, code, section) for code, section in sections.items()}

    def _rule(self, table: str, code: str, section: Section) -> Rule:
        if not _CODE.fullmatch(code):
            section.report("not a possible code; allowed: 1 to 24 of A-Z a-z 0-9 _ . -")
        name = f"{table}.{code}"
        text, zh = section.text("text"), section.text("zh")
        action = Action(section.word("outcome", _ALLOWED.get(name, _OUTCOMES[table])) or Action.FAILED)
        retries, backoff = self._retries(section, action), self._backoff(section, action)
        suppress = table == "status" and section.has("suppress") and section.flag("suppress")
        section.close()
        if action not in WAITING:
            return Rule(name, code, text, zh, action, suppress=suppress and action is Action.FAILED)
        if backoff is None:
            return Rule(name, code, text, zh, Action.FAILED)  # a placeholder; the problem is reported
        return Rule(name, code, text, zh, action, retries, backoff)

    def _retries(self, section: Section, action: Action) -> int | None:
        found = self.default.retries
        if section.has("retries"):
            found = section.number_or_word("retries", _RETRIES, UNTIL_EXPIRY)
        elif action is Action.RETRY and found is None:
            section.report(f'retries is missing here and in [retry]; allowed: {_RETRIES}, or "{UNTIL_EXPIRY}"')
        return found if isinstance(found, int) and action is Action.RETRY else None

    def _backoff(self, section: Section, action: Action) -> Backoff | None:
        found = self.default.backoff if action is Action.RETRY else None
        if section.has("backoff"):
            found = section.word("backoff", self.backoffs)
        elif action in WAITING and found is None:
            section.report(f"backoff is missing; {action} needs one of {', '.join(self.backoffs) or '[backoff]'}")
        return self.backoffs[found] if found else None


def read_uncertain(lane: Lane, section: Section, deadline: float) -> UncertainRule:
    """One row of [uncertain]; ``deadline`` is deadline_s of [report]: a window may refer to it and must not exceed it."""
    found = section.number_or_word("window_s", SECONDS, REPORT_DEADLINE)
    window = deadline if found == REPORT_DEADLINE else float(found)
    resend = section.flag("resend")
    retries: float = 0
    if section.has("retries"):
        retries = section.number("retries", _RETRIES)
    elif resend:
        section.report(f"retries is missing; resend needs {_RETRIES}")
    if window > deadline or (resend and window == deadline):
        section.report(f"{window:g} is not before the report deadline; allowed: below {deadline:g}", "window_s")
    section.close()
    return UncertainRule(f"uncertain.{lane}", window, resend, retries if resend and isinstance(retries, int) else 0)
