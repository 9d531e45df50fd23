"""What the rule behind a line of a timeline says, whoever made it: the policy, the limits, or the state machine. Pure."""

from smsrelay_worker.limits.describe import explain_rule
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.policy.describe import explain
from smsrelay_worker.policy.model import Policy

_OF_POLICY = ("status.", "submit.", "class.", "uncertain.")


def explained(rule: str, policy: Policy, limits: Limits) -> str:
    """The rule in a sentence."""
    name = rule.removesuffix(" used up")
    if name.startswith(_OF_POLICY):
        return explain(policy, name)
    return explain_rule(limits, name) or "built into the state machine (docs/guarantees.md)"
