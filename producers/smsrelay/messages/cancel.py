"""Cancelling a message: the one transition that an app decides. Pure."""

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake


def cancelled(record: Record) -> Transition | None:
    """Cancel a message that has not been attempted; None if it is too late."""
    if record.state is not State.QUEUED or record.attempt > 0:
        return None
    return Transition(State.CANCELLED, 0, Wake.NEVER, 0, rule="by the app")
