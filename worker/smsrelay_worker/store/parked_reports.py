"""Parking: where a report waits that came before its message, or before the vendor's id of the submit, was recorded; pure.

A report on a signed path is parked under its message for the retention. One without a proof, which anybody may have sent, waits
under the vendor's id for an hour, and of these ids there are at most so many: the submit's answer brings the id within a minute.
"""

import json

from smsrelay.contract.event import StatusEvent
from smsrelay.store import keys
from smsrelay.store.script import Call

UNPROVEN_FOR = 3_600_000  # ms
UNPROVEN_CAP = 10_000  # external ids


def parking(event: StatusEvent, retention: int) -> Call:
    """What park.lua is given; ``retention`` in ms."""
    wire = json.dumps(event.encode())
    if event.message_id:
        where = [keys.message(event.message_id), keys.parked(event.message_id), keys.PARKED]
        return Call(where, [wire, retention, 0, ""])
    external = event.external_id or ""
    return Call([keys.external(external), keys.parked(external), keys.PARKED], [wire, UNPROVEN_FOR, UNPROVEN_CAP, external])
