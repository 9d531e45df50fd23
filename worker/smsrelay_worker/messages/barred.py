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

_CANCELLED_BY = {Bar.SUPPRESSED: "suppressed", Bar.CANCELLED: "campaign cancelled"}
_FAILED_BY = {Bar.COUNTRY: "country not allowed", Bar.NOT_LISTED: "not in only_to"}
_SOONEST = 1000  # ms


def barred(record: Record, by: Barred, now: int, policy: Policy) -> Transition | None:
    """Defer, hold or end it, as what bars it demands; counts no attempt. ``now`` in ms."""
    if record.state is not State.QUEUED:
        return None
    if now >= record.expires_at:
        return expired(record, policy)
    match by.bar:
        case Bar.SUPPRESSED | Bar.CANCELLED:
            return Transition(State.CANCELLED, record.attempt, Wake.NEVER, record.attempt, rule=_CANCELLED_BY[by.bar])
        case Bar.COUNTRY | Bar.NOT_LISTED:
            return Transition(State.FAILED, record.attempt, Wake.NEVER, record.attempt, rule=_FAILED_BY[by.bar])
        case Bar.HALTED:
            rule = f"halted {by.name.partition(':')[0]}"
            waiting = put_off(record, by.until or record.expires_at, record.attempt, rule)
            return replace(waiting, held=by.name, silent=False)
        case Bar.CLOSED:
            rule = f"window {by.name}"
        case Bar.FUSE:
            rule = "fuse"
        case _:
            rule = f"cap {by.name}"
    return put_off(record, max(by.until, now + _SOONEST), record.attempt, rule)


def ended(by: Barred) -> str | None:
    """The rule by which a message ends that is barred like this; None if it only waits."""
    return _CANCELLED_BY.get(by.bar) or _FAILED_BY.get(by.bar)
