"""Wording: why a message has the state that an outcome tells, in English and Chinese. Pure.

The words of a code are the policy's. A rule that the present policy no longer has is given by its name.
"""

from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.policy.model import Policy, Rule

_USED_UP = " used up"
_SUPPRESSES = ("; the number gets no more marketing from this sender", "；该号码不再接收此发送方的营销短信")
_OWN = {
    "expired": ("The deadline passed before it was submitted", "超过有效期，未再提交"),
    "no report in time": ("No report came before the report deadline", "在期限内未收到状态报告"),
    "by the app": ("Cancelled before anything was submitted", "提交前已取消"),
    "suppressed": ("Not sent: the recipient wants no more marketing from this sender", "未发送：收件人已拒收此发送方的营销短信"),
}


class Wording:
    """The words for outcomes, by one policy."""

    def __init__(self, policy: Policy) -> None:
        rows = [*policy.status.values(), *policy.submit.values(), *policy.classes.values()]
        self._known = {row.name: _words(row) for row in rows} | _OWN

    def of(self, outcome: Outcome) -> tuple[str, str]:
        """English and Chinese."""
        rule = outcome.rule.removesuffix(_USED_UP)
        text, zh = self._known.get(rule, (rule, rule))
        return (f"{text}; no retries are left", f"{zh}；重试次数已用尽") if rule != outcome.rule else (text, zh)


def _words(row: Rule) -> tuple[str, str]:
    text, zh = _SUPPRESSES if row.suppress else ("", "")
    return row.text + text, row.zh + zh
