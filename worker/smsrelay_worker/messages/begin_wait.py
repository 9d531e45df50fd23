"""Begin wait: how long a message had been due when its attempt began, as it is counted. Pure.

It had been due since it was accepted, its retry came, or its ``not_before`` passed. Waiting for a slot in the shared rate counts
as waiting. What a halt, a cap, a window, a fuse or a throttled vendor had deferred is measured from the end of the deferral, if
the record still tells when that was, and otherwise not observed.
"""

from smsrelay.messages.record import Record
from smsrelay.messages.tally import BEGIN_WAIT, NOTHING, Tally, observed
from smsrelay_worker.rate_limit.slot import Refusal

_BECOMES_DUE = ("enqueued", "window ignored", "retry due", "due", "replay")  # rules of lines with which a message becomes due
_RESENT = "uncertain."


def begin_wait(record: Record, now: int) -> Tally:
    """The observation that a begin of the record at ``now`` (ms) makes."""
    since = due_since(record)
    return NOTHING if since is None else observed(BEGIN_WAIT, record.lane.value, now - since)


def due_since(record: Record) -> int | None:
    """Since when a queued message has been due (ms); None if the record does not tell."""
    lines = [line for line in record.timeline[-2:] if line.rule != Refusal.LATE.value] or record.timeline[-1:]
    line = lines[-1]
    if line is record.timeline[-1] and record.due is not None:
        return record.due
    known = line.rule in _BECOMES_DUE or line.rule.startswith(_RESENT)
    return line.at if known else None
