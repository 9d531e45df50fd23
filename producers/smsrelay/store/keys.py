"""The keys in the store, with type and lifetime. They are spelled nowhere else in Python.

| key | type | lifetime |
|---|---|---|
| sms:m:ID | hash: the record (smsrelay.messages.record) | the retention, from its final state on |
| sms:p:ID | string: phone number and parameters | until delivered, cancelled or expired |
| sms:agenda | sorted set: id by when it is next due (ms) | an entry for each message that is not final |
| sms:outbox:LANE | sorted set: id by its place in publishing order | an entry for each message no worker has taken yet |
| sms:place | string: the last place assigned | for ever |
| sms:taken:LANE | string: the highest place a worker has taken | for ever |
| sms:marks:LANE | list: how far the lane was at what time | capped |
| sms:x:EXTERNAL | string: ID:ATTEMPT | the retention, from the submit on |
| sms:parked:ID | list: reports whose message, or whose submit by the vendor's id, is not recorded yet | the retention |
| sms:parked | sorted set: the vendor's ids among them by when (ms) the last report came; at most 10,000 | an hour |
| sms:reports | hash: report (JSON) by its key | an entry for each report that is not applied yet |
| sms:reports:keys | sorted set: the same keys in lexicographic order, to find those of one message | as sms:reports |
| sms:reports:tries | hash: how often applying a report raised; -1: it is set aside | the retention, from the last failure on |
| sms:outbox:status, sms:taken:status, sms:marks:status | as for a lane, of reports | |
| sms:events | stream: every transition | capped |
| sms:rate | hash: the next slot (µs), floors, waiters, the rate after throttling | minutes after the last submit |
| sms:rates | hash: rate, template:ID, as set by commands | for ever |
| sms:rate:pull | string: when the next query about a silent submit is allowed (µs) | seconds after that |
| sms:halted | hash: since, code, probe | until a probe is answered or an operator resumes |
| sms:resumed | string: when sending resumed after a halt or an open circuit (ms) | for ever |
| sms:put_off | set: ids of messages deferred by a halt | until they move on |
| sms:answers | hash: submits answered and failed, by second | 11 s after the last failure |
| sms:outcomes:SINK | sorted set: outcome by when it is due (ms), failed tries in the fraction | until the sink takes it |
| sms:endpoints | hash: by sink, how deliveries ended lately and whether it is paused, as JSON | for ever |
| sms:endpoints:test:TOKEN | string: what a test of a sink came to | a minute |
| sms:sinks | hash: by app, its kind of sink (webhook, celery) for each kind of event, as JSON | for ever |
| sms:circuit | hash: since, probe, wait (ms) | until a probe is answered or an operator resumes |
| sms:unlisted | hash: code → reports seen | for ever |
| sms:workers | sorted set: worker process (JSON) by its last heartbeat (ms) | seconds after the last one |
| sms:dead | sorted set: id by when it failed or became unknown (ms) | swept after the retention |
| sms:expired | sorted set: id by when it expired (ms) | swept after the retention |
| sms:undecodable | list: unreadable jobs and tasks, as JSON | capped; the retention, from the last one on |
| sms:undecodable:callbacks | sorted set: unreadable callbacks (JSON) by when they came (ms) | capped; 72 h |
| sms:callbacks:refused | hash: requests the receiver refused, by reason; when the last one came (ms) | 24 h after the last |
| sms:n:XX, sms:n:XXX | sorted set: rest of a digest, and id (16 bytes), by the minute in which the record is gone | as these |
| sms:caps:WHO | list: attempts to one number (digest), as "INSTANT LANE TEMPLATE APP" | the longest window of a cap |
| sms:limits | hash: what apps need to know of the limits: countries, caps on codes, send windows | for ever |
| sms:suppressed | hash: DIGEST\\|LIST → when (ms), by what, and under which key | for ever |
| sms:suppressed:counts | hash: LIST\\|KEY → numbers, by the name of the number key | for ever |
| sms:halts | hash: part of the traffic (lane:otp, campaign:APP/NAME, …) → since, kind, until, as JSON | until it is resumed |
| sms:halts:unfinished | hash: part → what is still to do with its messages (release or cancel), as JSON | until it is done |
| sms:held:PART | set: ids of messages deferred because PART is halted | until they move on |
| sms:opening:INSTANT | string: how many messages wait for a send window that opens then (ms) | an hour after that |
| sms:fuse:DAY | hash: APP/COUNTRY → messages begun that day | two days |
| sms:codes | hash: "DAY accepted COUNTRY", "DAY used COUNTRY" → codes; day since the epoch | nine days after the last |
| sms:campaigns | sorted set: campaign (APP/NAME) by when its last message was accepted (ms) | 41 days each |
| sms:campaign:APP/NAME | hash: its messages by state and by code | 41 days after the last was accepted |
| sms:campaign:ids:APP/NAME | list: their ids (16 bytes each) | as the hash |
| sms:keys | hash: API key (JSON, its token hashed) by its id | for ever |
| sms:quota:ID | hash: what an API key has enqueued this minute and this day | two days |
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
ANSWERS = "sms:answers"
SINKS = "sms:sinks"
SINK_STATES = "sms:endpoints"
CIRCUIT = "sms:circuit"
UNLISTED = "sms:unlisted"
WORKERS = "sms:workers"
DEAD = "sms:dead"
EXPIRED = "sms:expired"
UNDECODABLE = "sms:undecodable"
UNREADABLE_CALLBACKS = "sms:undecodable:callbacks"
REFUSED_CALLBACKS = "sms:callbacks:refused"
API_KEYS = "sms:keys"
LIMITS = "sms:limits"
SUPPRESSED = "sms:suppressed"
SUPPRESSED_COUNTS = "sms:suppressed:counts"
HALTS = "sms:halts"
UNFINISHED = "sms:halts:unfinished"
CAMPAIGNS = "sms:campaigns"
CODES = "sms:codes"


def message(message_id: str) -> str:
    """Key of a record."""
    return f"sms:m:{message_id}"


def payload(message_id: str) -> str:
    """Key of a message's phone number and parameters."""
    return f"sms:p:{message_id}"


def outbox(lane: Lane) -> str:
    """Key of a lane's outbox."""
    return f"sms:outbox:{lane.value}"


def taken(lane: Lane) -> str:
    """Key of the highest place a worker has taken in a lane."""
    return f"sms:taken:{lane.value}"


def marks(lane: Lane) -> str:
    """Key of how far a lane was at what time."""
    return f"sms:marks:{lane.value}"


def external(external_id: str) -> str:
    """Key that maps the vendor's id of a submit to message and attempt."""
    return f"sms:x:{external_id}"


def sink_test(token: str) -> str:
    """Key of what a test of a sink came to."""
    return f"sms:endpoints:test:{token}"


def outcomes(sink: str) -> str:
    """Key of a sink's outbox."""
    return f"sms:outcomes:{sink}"


def parked(any_id: str) -> str:
    """Key of reports that came before their message, or the vendor's id, was known."""
    return f"sms:parked:{any_id}"


def quota(key_id: str) -> str:
    """Key of what an API key has used of its quotas."""
    return f"sms:quota:{key_id}"


def numbers(digest: str) -> tuple[str, str]:
    """Keys of the index of numbers that may hold a number's messages; the second is used once the first is full."""
    return f"sms:n:{digest[:2]}", f"sms:n:{digest[:3]}"


def caps(digest: str) -> str:
    """Key of the attempts to one number."""
    return f"sms:caps:{digest}"


def held(part: str) -> str:
    """Key of the messages that wait until a part of the traffic is resumed."""
    return f"sms:held:{part}"


def opening(at: int) -> str:
    """Key of how many messages wait for the opening of a send window at an instant (ms)."""
    return f"sms:opening:{at}"


def fuse(day: str) -> str:
    """Key of the messages of one day, by app and country."""
    return f"sms:fuse:{day}"


def campaign(name: str) -> str:
    """Key of a campaign's counts; ``name`` is APP/NAME, here and below."""
    return f"sms:campaign:{name}"


def campaign_ids(name: str) -> str:
    """Key of a campaign's messages."""
    return f"sms:campaign:ids:{name}"
