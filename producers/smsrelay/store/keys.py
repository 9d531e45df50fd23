"""The keys in the store, with type and lifetime. They are spelled nowhere else, in no script either.

All begin with the prefix (``SMSRELAY_PREFIX``, ``{sms}`` by default), so that several relays can share a database. What is in
braces is a hash tag: a cluster keeps all keys of one relay in one slot, which the scripts need.

| key | type | lifetime |
|---|---|---|
| {sms}:m:ID | hash: the record (smsrelay.messages.record) | the retention, from its final state on |
| {sms}:p:ID | string: phone number and parameters | until delivered, cancelled or expired |
| {sms}:agenda | sorted set: id by when it is next due (ms) | an entry for each message that is not final |
| {sms}:outbox:LANE | sorted set: id by its place in publishing order | an entry for each message no worker has taken yet |
| {sms}:place | string: the last place assigned | for ever |
| {sms}:taken:LANE | string: the highest place a worker has taken | for ever |
| {sms}:marks:LANE | list: how far the lane was at what time | capped |
| {sms}:x:EXTERNAL | string: ID:ATTEMPT | the retention, from the submit on |
| {sms}:parked:ID | list: reports whose message, or whose submit by the vendor's id, is not recorded yet | the retention |
| {sms}:parked | sorted set: the vendor's ids among them by when (ms) the last report came; at most 10,000 | an hour |
| {sms}:reports | hash: report (JSON) by its key | an entry for each report that is not applied yet |
| {sms}:reports:keys | sorted set: the same keys in lexicographic order, to find those of one message | as {sms}:reports |
| {sms}:reports:tries | hash: how often applying a report raised; -1: it is set aside | the retention, from the last failure on |
| {sms}:outbox:status, {sms}:taken:status, {sms}:marks:status | as for a lane, of reports | |
| {sms}:events | stream: every transition | capped |
| {sms}:rate | hash: the next slot (µs), floors, waiters, the rate after throttling | minutes after the last submit |
| {sms}:rates | hash: rate, template:ID, as set by commands | for ever |
| {sms}:rate:pull | string: when the next query about a silent submit is allowed (µs) | seconds after that |
| {sms}:halted | hash: since, code, probe | until a probe is answered or an operator resumes |
| {sms}:resumed | string: when sending resumed after a halt or an open circuit (ms) | for ever |
| {sms}:put_off | set: ids of messages deferred by a halt | until they move on |
| {sms}:answers | hash: submits answered and failed, by second | 11 s after the last failure |
| {sms}:outcomes:SINK | sorted set: outcome by when it is due (ms), failed tries in the fraction | until the sink takes it |
| {sms}:endpoints | hash: by sink, how deliveries ended lately and whether it is paused, as JSON | for ever |
| {sms}:endpoints:test:TOKEN | string: what a test of a sink came to | a minute |
| {sms}:sinks | hash: by app, its kind of sink (webhook, celery) for each kind of event, as JSON | for ever |
| {sms}:circuit | hash: since, probe, wait (ms) | until a probe is answered or an operator resumes |
| {sms}:unlisted | hash: code → reports seen | for ever |
| {sms}:workers | sorted set: worker process (JSON) by its last heartbeat (ms) | seconds after the last one |
| {sms}:receivers | sorted set: receiver (JSON) by its last heartbeat (ms) | a day after the last one |
| {sms}:counts | hash: what happened since the first start, by series (smsrelay.messages.tally) | for ever |
| {sms}:refused | set: ids of jobs that the store refused lately, so that each is counted once | a minute after the last one |
| {sms}:dead | sorted set: id by when it failed or became unknown (ms) | swept after the retention |
| {sms}:expired | sorted set: id by when it expired (ms) | swept after the retention |
| {sms}:undecodable | list: unreadable jobs and tasks, as JSON | capped; the retention, from the last one on |
| {sms}:undecodable:callbacks | sorted set: unreadable callbacks (JSON) by when they came (ms) | capped; 72 h |
| {sms}:callbacks:refused | hash: requests the receiver refused, by reason; when the last one came (ms) | 24 h after the last |
| {sms}:n:XX, {sms}:n:XXX | sorted set: rest of a digest, and id (16 bytes), by the minute that ends the record | as these |
| {sms}:caps:WHO | list: attempts to one number (digest), as "INSTANT LANE TEMPLATE APP" | the longest window of a cap |
| {sms}:limits | hash: what apps need to know of the limits: countries, caps on codes, send windows | for ever |
| {sms}:suppressed | hash: DIGEST\\|LIST → when (ms), by what, and under which key | for ever |
| {sms}:suppressed:counts | hash: LIST\\|KEY → numbers, by the name of the number key | for ever |
| {sms}:halts | hash: part of the traffic (lane:otp, campaign:APP/NAME, …) → since, kind, until, as JSON | until it is resumed |
| {sms}:halts:unfinished | hash: part → what is still to do with its messages (release or cancel), as JSON | until it is done |
| {sms}:held:PART | set: ids of messages deferred because PART is halted | until they move on |
| {sms}:opening:INSTANT | string: how many messages wait for a send window that opens then (ms) | an hour after that |
| {sms}:fuse:DAY | hash: APP/COUNTRY → messages begun that day | two days |
| {sms}:codes | hash: "DAY accepted COUNTRY", "DAY used COUNTRY" → codes; day since the epoch | nine days after the last |
| {sms}:campaigns | sorted set: campaign (APP/NAME) by when its last message was accepted (ms) | 41 days each |
| {sms}:campaign:APP/NAME | hash: its messages by state and by code | 41 days after the last was accepted |
| {sms}:campaign:ids:APP/NAME | list: their ids (16 bytes each) | as the hash |
| {sms}:keys | hash: API key (JSON, its token hashed) by its id | for ever |
| {sms}:actions, {sms}:actions:apps | stream: what operators, and apps' API keys, changed | capped |
| {sms}:barrier | hash: one field, written before replicas are waited for | for ever |
| {sms}:quota:ID | hash: what an API key has enqueued this minute and this day | two days |
"""

from dataclasses import dataclass
from functools import cached_property

from smsrelay.contract.lanes import Lane


class FixedKey:
    """A key that is the prefix and ``rest``: an attribute of ``Keys``, put together at its first use."""

    def __init__(self, rest: str) -> None:
        self._rest = rest

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, keys: "Keys", owner: type) -> str:
        key = f"{keys.prefix}:{self._rest}"
        keys.__dict__[self._name] = key  # which is found before this descriptor from now on
        return key


@dataclass(frozen=True)
class Keys:
    """The keys of one relay."""

    prefix: str

    agenda = FixedKey("agenda")
    events = FixedKey("events")
    place = FixedKey("place")
    reports = FixedKey("reports")
    reports_keys = FixedKey("reports:keys")
    parked_ids = FixedKey("parked")
    reports_tries = FixedKey("reports:tries")
    reports_outbox = FixedKey("outbox:status")
    reports_taken = FixedKey("taken:status")
    reports_marks = FixedKey("marks:status")
    rate = FixedKey("rate")
    rates = FixedKey("rates")
    pull_rate = FixedKey("rate:pull")
    halted = FixedKey("halted")
    resumed = FixedKey("resumed")
    put_off = FixedKey("put_off")
    answers = FixedKey("answers")
    sinks = FixedKey("sinks")
    sink_states = FixedKey("endpoints")
    circuit = FixedKey("circuit")
    unlisted = FixedKey("unlisted")
    workers = FixedKey("workers")
    receivers = FixedKey("receivers")
    counts = FixedKey("counts")
    refused = FixedKey("refused")
    dead = FixedKey("dead")
    expired = FixedKey("expired")
    undecodable = FixedKey("undecodable")
    unreadable_callbacks = FixedKey("undecodable:callbacks")
    refused_callbacks = FixedKey("callbacks:refused")
    api_keys = FixedKey("keys")
    limits = FixedKey("limits")
    suppressed = FixedKey("suppressed")
    suppressed_counts = FixedKey("suppressed:counts")
    halts = FixedKey("halts")
    unfinished = FixedKey("halts:unfinished")
    campaigns = FixedKey("campaigns")
    codes = FixedKey("codes")
    barrier = FixedKey("barrier")
    actions = FixedKey("actions")
    app_actions = FixedKey("actions:apps")

    @cached_property
    def lanes(self) -> tuple[str, ...]:
        """The outbox of each lane and the highest place a worker has taken in it, lane by lane."""
        return tuple(key for lane in Lane for key in (self.outbox(lane), self.taken(lane)))

    @property
    def fixed(self) -> list[str]:
        """Every key that is always the same."""
        return [getattr(self, name) for name, one in vars(Keys).items() if isinstance(one, FixedKey)]

    def message(self, message_id: str) -> str:
        """Key of a record."""
        return f"{self.prefix}:m:{message_id}"

    def payload(self, message_id: str) -> str:
        """Key of a message's phone number and parameters."""
        return f"{self.prefix}:p:{message_id}"

    def outbox(self, lane: Lane) -> str:
        """Key of a lane's outbox."""
        return f"{self.prefix}:outbox:{lane}"

    def taken(self, lane: Lane) -> str:
        """Key of the highest place a worker has taken in a lane."""
        return f"{self.prefix}:taken:{lane}"

    def marks(self, lane: Lane) -> str:
        """Key of how far a lane was at what time."""
        return f"{self.prefix}:marks:{lane}"

    def external(self, external_id: str) -> str:
        """Key that maps the vendor's id of a submit to message and attempt."""
        return f"{self.prefix}:x:{external_id}"

    def sink_test(self, token: str) -> str:
        """Key of what a test of a sink came to."""
        return f"{self.prefix}:endpoints:test:{token}"

    def outcomes(self, sink: str) -> str:
        """Key of a sink's outbox."""
        return f"{self.prefix}:outcomes:{sink}"

    def parked(self, any_id: str) -> str:
        """Key of reports that came before their message, or the vendor's id, was known."""
        return f"{self.prefix}:parked:{any_id}"

    def quota(self, key_id: str) -> str:
        """Key of what an API key has used of its quotas."""
        return f"{self.prefix}:quota:{key_id}"

    def numbers(self, digest: str) -> tuple[str, str]:
        """Keys of the index of numbers that may hold a number's messages; the second is used once the first is full."""
        return f"{self.prefix}:n:{digest[:2]}", f"{self.prefix}:n:{digest[:3]}"

    def caps(self, digest: str) -> str:
        """Key of the attempts to one number."""
        return f"{self.prefix}:caps:{digest}"

    def held(self, part: str) -> str:
        """Key of the messages that wait until a part of the traffic is resumed."""
        return f"{self.prefix}:held:{part}"

    def opening(self, at: int) -> str:
        """Key of how many messages wait for the opening of a send window at an instant (ms)."""
        return f"{self.prefix}:opening:{at}"

    def fuse(self, day: str) -> str:
        """Key of the messages of one day, by app and country."""
        return f"{self.prefix}:fuse:{day}"

    def campaign(self, name: str) -> str:
        """Key of a campaign's counts; ``name`` is APP/NAME, here and below."""
        return f"{self.prefix}:campaign:{name}"

    def campaign_ids(self, name: str) -> str:
        """Key of a campaign's messages."""
        return f"{self.prefix}:campaign:ids:{name}"
