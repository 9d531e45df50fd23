"""Barred: what becomes of a queued message that may not be attempted now, or ever. Pure.

Each takes the record as it was read and returns the ``Transition`` to apply, or None if the message is not queued any more.
"""

from dataclasses import replace

from smsrelay.contract.state import State
from smsrelay.messages.checks import Bar, Barred
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages.lifecycle import expired, put_off
from smsrelay_worker.policy.model import Policy

FUSE = "fuse"
_CANCELLED_BY = {Bar.SUPPRESSED: "suppressed", Bar.CANCELLED: "campaign cancelled"}
_FAILED_BY = {Bar.COUNTRY: "country not allowed", Bar.NOT_LISTED: "not in only_to"}
_HELD_BY = {Bar.HALTED, Bar.FUSE}
_SOONEST = 1000  # ms


def barred(record: Record, by: Barred, now: int, policy: Policy, *, hold: bool = True) -> Transition | None:
    """Defer, hold or end it, as what bars it demands; counts no attempt. ``now`` in ms.

    ``hold``: whether it may be held until the halted part of the traffic is resumed; otherwise it is tried again in a second.
    """
    if record.state is not State.QUEUED:
        return None
    return expired(record, policy) if now >= record.expires_at else _turned_away(record, by, now, hold=hold)


def ended(by: Barred) -> str | None:
    """The rule by which a message ends that is barred like this; None if it only waits."""
    return _CANCELLED_BY.get(by.bar) or _FAILED_BY.get(by.bar)


def end_state(by: Barred) -> State | None:
    """The state in which such a message ends; None if it only waits."""
    if by.bar in _CANCELLED_BY:
        return State.CANCELLED
    return State.FAILED if by.bar in _FAILED_BY else None


def _turned_away(record: Record, by: Barred, now: int, *, hold: bool) -> Transition | None:
    rule, state = ended(by), end_state(by)
    if rule is not None and state is not None:
        return Transition(state, record.attempt, Wake.NEVER, record.attempt, rule=rule)
    if record.due is not None and record.due > now:  # an early wake-up: it waits for something else already
        return None
    soonest, rule = now + _SOONEST, _rule(by)
    if by.bar not in _HELD_BY:
        return put_off(record, max(by.until, soonest), record.attempt, rule)
    if not hold or (by.bar is Bar.FUSE and not by.until):
        return put_off(record, soonest, record.attempt, rule)
    waiting = put_off(record, by.until or record.expires_at, record.attempt, rule)
    return replace(waiting, held=by.name, silent=waiting.silent and by.bar is Bar.FUSE)


def _rule(by: Barred) -> str:
    """How the timeline calls what defers it."""
    match by.bar:
        case Bar.HALTED:
            return f"halted {by.name.partition(':')[0]}"
        case Bar.CLOSED:
            return f"window {by.name}"
        case Bar.FUSE:
            return FUSE
        case _:
            return f"cap {by.name}"
