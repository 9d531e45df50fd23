"""Wording: why a message has the state that an outcome tells, in English and Chinese. Pure.

The words of a code are the policy's. A rule that the present policy no longer has is given by its name.
"""

from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.policy.model import Policy

_USED_UP = " used up"
_OWN = {
    "expired": ("The deadline passed before it was submitted", "超过有效期，未再提交"),
    "no report in time": ("No report came before the report deadline", "在期限内未收到状态报告"),
    "by the app": ("Cancelled before anything was submitted", "提交前已取消"),
}


class Wording:
    """The words for outcomes, by one policy."""

    def __init__(self, policy: Policy) -> None:
        rows = [*policy.status.values(), *policy.submit.values(), *policy.classes.values()]
        self._known = {row.name: (row.text, row.zh) for row in rows} | _OWN

    def of(self, outcome: Outcome) -> tuple[str, str]:
        """English and Chinese."""
        rule = outcome.rule.removesuffix(_USED_UP)
        text, zh = self._known.get(rule, (rule, rule))
        return (f"{text}; no retries are left", f"{zh}；重试次数已用尽") if rule != outcome.rule else (text, zh)
