"""Begins: which lines of a timeline begin an attempt. Pure.

Takes a timeline; returns its begins. A note has the state that the message had at the time: one that was written while an attempt
was under way is in the state ``submitting``, too, and begins nothing.
"""

from collections.abc import Iterable

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry

_BEGUN = "begun"  # the rule of every begin


def begins(timeline: Iterable[Entry]) -> list[Entry]:
    """The lines that begin an attempt, in order."""
    return [line for line in timeline if line.state is State.SUBMITTING and line.rule == _BEGUN]
