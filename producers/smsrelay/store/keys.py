"""Names of everything kept in the store, with type and lifetime. The one place where they are spelled.

| key | type | lives |
|---|---|---|
| sms:m:ID | hash: the record (producers.record) | until retention after its final state |
| sms:p:ID | string: recipient and parameters | until delivered, cancelled or expired |
| sms:agenda | sorted set: id by the instant (ms) at which something must happen | one entry a message that is not final |
| sms:outbox:LANE | sorted set: id by its place in the order of publishing | one entry a message no worker has taken yet |
| sms:place | string: the last place given | for ever |
| sms:taken:LANE | string: the highest place a worker has taken | for ever |
| sms:marks:LANE | list: how far the lane was at which time | capped |
| sms:x:EXTERNAL | string: ID:ATTEMPT | until retention after the submit |
| sms:parked:ID | list: reports whose message, or whose submit by the vendor's id, is not recorded yet | until retention |
| sms:parked | sorted set: the vendor's ids among them by when (ms) the last report came; at most 10,000 | an hour |
| sms:reports | hash: report (JSON) by its key | one entry a report not applied yet |
| sms:reports:keys | sorted set: the same keys in the order of their letters, to find those of one message | as sms:reports |
| sms:reports:tries | hash: how often a report brought out a fault of ours; -1: it is kept | until retention after the last |
| sms:outbox:status, sms:taken:status, sms:marks:status | as those of a lane, for reports | |
| sms:events | stream: every transition | capped |
| sms:rate | hash: the next slot (µs), floors, who waits, what throttling left | minutes after the last submit |
| sms:rates | hash: rate, template:ID, as commands set them | for ever |
| sms:rate:pull | string: when the next question about a silent submit may be asked (µs) | seconds after it |
| sms:halted | hash: since, code, probe | until a probe is answered or an operator resumes |
| sms:resumed | string: when submits went on after a halt or an open circuit (ms) | for ever |
| sms:put_off | set: id of a message that waits because of a halt | until it moves on |
| sms:outcomes | hash: submits answered and failed, by second | 11 s after the last failure |
| sms:circuit | hash: since, probe, wait (ms) | until a probe is answered or an operator resumes |
| sms:unlisted | hash: code → reports seen | for ever |
| sms:workers | sorted set: worker process (JSON) by the instant (ms) it was last alive | seconds after the last one |
| sms:dead | sorted set: id by the instant (ms) it failed or ended unknown | swept after the retention |
| sms:expired | sorted set: id by the instant (ms) it expired | swept after the retention |
| sms:undecodable | list: jobs and tasks nobody could read, as JSON | capped; until retention after the last |
| sms:undecodable:callbacks | sorted set: callbacks nobody could read (JSON) by the instant (ms) they came | capped; 72 h |
| sms:callbacks:refused | hash: requests that were no callback of ours, by reason; the last one's instant (ms) | 24 h after it |
"""

from smsrelay.contract.lanes import Lane

AGENDA = "sms:agenda"
EVENTS = "sms:events"
PLACE = "sms:place"
REPORTS = "sms:reports"
REPORTS_KEYS = "sms:reports:keys"
PARKED = "sms:parked"
REPORTS_TRIES = "sms:reports:tries"
REPORTS_OUTBOX = "sms:outbox:status"
REPORTS_TAKEN = "sms:taken:status"
REPORTS_MARKS = "sms:marks:status"
RATE = "sms:rate"
RATES = "sms:rates"
PULL_RATE = "sms:rate:pull"
HALTED = "sms:halted"
RESUMED = "sms:resumed"
PUT_OFF = "sms:put_off"
OUTCOMES = "sms:outcomes"
CIRCUIT = "sms:circuit"
UNLISTED = "sms:unlisted"
WORKERS = "sms:workers"
DEAD = "sms:dead"
EXPIRED = "sms:expired"
UNDECODABLE = "sms:undecodable"
UNREAD_CALLBACKS = "sms:undecodable:callbacks"
REFUSED_CALLBACKS = "sms:callbacks:refused"


def message(message_id: str) -> str:
    """Key of a record."""
    return f"sms:m:{message_id}"


def payload(message_id: str) -> str:
    """Key of recipient and parameters."""
    return f"sms:p:{message_id}"


def outbox(lane: Lane) -> str:
    """Key of a lane's outbox."""
    return f"sms:outbox:{lane.value}"


def taken(lane: Lane) -> str:
    """Key of the highest place a worker has taken in a lane."""
    return f"sms:taken:{lane.value}"


def marks(lane: Lane) -> str:
    """Key of how far a lane was at which time."""
    return f"sms:marks:{lane.value}"


def external(external_id: str) -> str:
    """Key of the vendor's id of a submit."""
    return f"sms:x:{external_id}"


def parked(any_id: str) -> str:
    """Key of reports that came before their message, or the vendor's id, was known."""
    return f"sms:parked:{any_id}"
