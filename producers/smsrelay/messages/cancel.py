"""Cancelling a message, alone or with its campaign: the one transition that an app decides. Pure."""

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake

BY_APP, BY_CAMPAIGN = "by the app", "campaign cancelled"  # rules


def cancelled(record: Record, rule: str = BY_APP) -> Transition | None:
    """Cancel a message that has not been attempted, alone or with its campaign; None if it is too late."""
    if record.state is not State.QUEUED or record.attempt > 0:
        return None
    return Transition(State.CANCELLED, 0, Wake.NEVER, 0, rule=rule)
