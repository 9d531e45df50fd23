"""Test messages: what becomes of one that never reaches the vendor. Pure.

The last three digits of its number are the status code that is reported for each of its attempts, as the vendor would: 200
delivers it, 504 fails it, 503 has it retried until the policy gives up. 000 asks for no report; anything the policy does not list
is as good as 200.
"""

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay_worker.messages.lifecycle import first_look
from smsrelay_worker.policy.model import Policy

PRETENDED = "test"  # the rule of the line that stands for the submit
_NO_REPORT = "000"
_DELIVERED = "200"


def asked_code(number: str, policy: Policy) -> str | None:
    """The status code that a number asks for; None for no report."""
    code = number[-3:]
    if code == _NO_REPORT:
        return None
    return code if policy.for_status(code) is not None else _DELIVERED


def pretended(record: Record, begun: Record, policy: Policy, now: int) -> Transition | None:
    """What stands for the vendor's acceptance of the attempt in ``begun``; None if it is settled already. ``now`` in ms."""
    if record.state is not State.SUBMITTING or record.owner != begun.owner:
        return None
    return Transition(State.SUBMITTED, record.attempt, now + first_look(policy), record.attempt, rule=PRETENDED)
