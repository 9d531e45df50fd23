"""A store with something for each page to show, written as workers and apps write it."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Accepted, Enqueuer
from smsrelay.messages.transition import Transition
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Reading, Records
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.halts import Halts
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.store.actions.action import Action, Via
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.feedback import Feedback
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import LEASE, NUMBER_KEYS, POLICY, RETENTION, answer, applying, begin, enqueuer

APPS = """
[shop.webhook]
url = "https://shop.example/sms"
secrets = ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"]

[bank.webhook]
url = "https://bank.example/sms"
secrets = ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"]
"""
NUMBER = "13912345678"
_AT_ONCE = 200
_TEXTS = {"otp": "0000000", "notice": "1000001", "marketing": "2000002"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Ids of the messages that tests name."""

    delivered: str
    failed: str
    queued: str
    later: str
    reported: str  # of which the vendor reports, and an attempt failed


class Stage:
    """Writes to one store; the same server is the broker."""

    def __init__(self, redis: StoreRedis, url: str) -> None:
        self.redis = redis
        self.store = Records(redis, RETENTION)
        self.door: Enqueuer = enqueuer(redis, url)
        self._reports = applying(self.store, redis)

    def set(self) -> Scene:
        """All of it, a few hundred messages."""
        delivered = [self._ended("200", number, lane=Lane.OTP) for number in range(30)]
        for one in delivered[:21]:
            self._used(one)
        failed = [self._ended(code, 100 + place) for place, code in enumerate(("504", "510", "504", "507"))]
        reported = self.send(lane=Lane.OTP, app="shop", reference="login-4711", to=f"+86{NUMBER}")
        self.submitted(reported)
        self.report(reported, "503")
        self._campaign()
        later = self.send(app="shop", not_before=datetime.now(UTC) + timedelta(hours=2))
        queued = self.send(lane=Lane.MARKETING, app="shop")
        self._operators()
        self._sinks(delivered[0])
        return Scene(delivered[0], failed[0], queued, later, reported)

    def send(self, lane: Lane = Lane.NOTICE, to: str = "+8613800138000", **fields: Any) -> str:
        return self.door.enqueue(_job(lane, to, **fields)).message_id

    def submitted(self, message_id: str) -> None:
        begin(self.store, message_id)
        answer(self.store, message_id, 1, Answer(Kind.ANSWERED, "0000", external_id=f"x{message_id[:8]}"))

    def report(self, message_id: str, code: str) -> None:
        event = StatusEvent(message_id=message_id, attempt=1, code=code, received_at=int(time.time() * 1000))
        self._reports.apply(event)

    def dead(self, count: int) -> None:
        """So many messages that the vendor refused, in few round trips."""
        jobs = (_job(Lane.NOTICE, f"+8613{number:09d}", app="shop") for number in range(count))
        ids = [one.message_id for one in self.door.enqueue_many(jobs) if isinstance(one, Accepted)]
        refused = Answer(Kind.ANSWERED, "i005")
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            self._change(some, lambda one: lifecycle.begin(one.record, one.now, LEASE, "me", POLICY))
            self._change(some, lambda one: lifecycle.answered(one.record, 1, refused, POLICY, one.now, 0.5))

    def _change(self, ids: Sequence[str], decide: Any) -> None:
        readings = [one for one in self.store.read_many(ids) if one is not None]

        def decided(reading: Reading) -> Transition | None:
            return decide(reading)  # type: ignore[no-any-return]

        self.store.change_many([(reading, decided) for reading in readings])

    def _ended(self, code: str, number: int, **fields: Any) -> str:
        message_id = self.send(to=f"+861370000{number:04d}", **fields)
        self.submitted(message_id)
        self.report(message_id, code)
        return message_id

    def _used(self, message_id: str) -> None:
        feedback = Feedback(self.redis)
        self.redis.script_load(feedback.script)
        self.redis.execute_command(*feedback.command(message_id))  # type: ignore[no-untyped-call]

    def _campaign(self) -> None:
        ids = [self.send(Lane.MARKETING, f"+861360000{number:04d}", app="shop", campaign="spring") for number in range(60)]
        for place, one in enumerate(ids[:40]):
            self.submitted(one)
            self.report(one, "200" if place % 5 else "504")
        list(map(self.submitted, ids[40:45]))

    def _operators(self) -> None:
        Halts(self.redis).halt("template:7000007")
        numbers = [f"+861350000{number:04d}" for number in range(25)]
        Suppressions(self.redis, NUMBER_KEYS).add(numbers, "app:shop", "command")
        Suppressions(self.redis, NUMBER_KEYS).add(numbers[:3], "sig:云签", "status.510")
        log = ActionLog(self.redis)
        log.append(Action(Via.COMMAND, "bob@relay-1", "halt", "template:7000007"))
        log.append(Action(Via.COMMAND, "root (bob)@relay-1", "rate", "everything", "80 a second"))
        log.append(Action(Via.API, "ab12cd34", "suppress add", "list:app:shop number:+86139****5678", "added"))

    def _sinks(self, message_id: str) -> None:
        now = int(time.time() * 1000)
        outbox, states = OutcomeOutbox(self.redis, RETENTION), SinkStates(self.redis)
        outbox.add("bank.webhook", list(_outcomes(message_id, now)))
        states.report("shop.webhook", "204", taken=True)
        states.report("bank.webhook", "410", taken=False, gone=True)


def _job(lane: Lane, to: str, **fields: Any) -> SendJob:
    return SendJob(**{"to": to, "template": _TEXTS[lane.value], "params": ("1234",), "lane": lane} | fields)


def _outcomes(message_id: str, now: int) -> Iterator[Outcome]:
    for number in range(12):
        yield Outcome(message_id, number + 2, State.DELIVERED, 1, "200", "status.200", now - 60_000 * number)
