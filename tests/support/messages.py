"""Messages recorded in a real store, and the doors over it, for the tests of store, agenda and limiter."""

import time
from collections.abc import Callable, Collection
from typing import Any

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.job import SendJob
from smsrelay.contract.key_name import key_names
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.transition import Transition
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import Inbox
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Change, Reading, Records
from smsrelay_worker.attempts.admission import Admission
from smsrelay_worker.attempts.attempt import Attempt, CompletedAttempt
from smsrelay_worker.attempts.recorder import AnswerRecorder
from smsrelay_worker.attempts.sandbox import Sandbox
from smsrelay_worker.attempts.send_context import SendContext
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.attempts.submit import Submitter
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.suppressing import Suppressing
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.rate_limit.cost import MessageCost
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.poll_rate import PollRate
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.reports.apply import Reports
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.reports.poll import StatusPoller
from smsrelay_worker.scheduler.scheduler import Scheduler
from smsrelay_worker.store.due_messages import DueMessages
from smsrelay_worker.store.fuses import Fuses
from smsrelay_worker.store.openings import Openings
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.vendors.base import Answer, Kind, Vendor
from smsrelay_worker.vendors.yisha.adapter import Yisha, YishaAccount
from smsrelay_worker.vendors.yisha.credentials import AppCode
from smsrelay_worker.vendors.yisha.http import open_session

NUMBER_KEY = "a number key of the tests"
NUMBER_KEYS = KeyRing(NUMBER_KEY.encode())
CALLBACK_KEYS = KeyRing(b"a callback key of the tests")
POLICY = load_policy(None)
RETENTION = 3600.0
LEASE = 60_000
TIMEOUTS = Timeouts()
ACCEPTED = Answer(Kind.ANSWERED, "0000", external_id="e1")


def enqueuer(redis: StoreRedis, url: str) -> Enqueuer:
    return Enqueuer(
        Outbox(redis, NUMBER_KEYS), Publisher(url), {}, Records(redis, RETENTION), numbers=NumberIndex(redis, NUMBER_KEYS)
    )


def reconciler(redis: StoreRedis, url: str, vendor_url: str = "http://127.0.0.1:9", policy: Policy = POLICY) -> StatusPoller:
    store = Records(redis, RETENTION)
    vendor = Yisha(YishaAccount(vendor_url, vendor_url, AppCode("simulator")), open_session(4))
    door = applying(store, redis, policy)
    return StatusPoller(store, PollRate(redis, 1.0), vendor, door, Publisher(url), policy, lambda: time.time_ns() // 1_000_000)


def agenda(redis: StoreRedis, url: str, door: Enqueuer, policy: Policy = POLICY, due: DueMessages | None = None) -> Scheduler:
    store, poller = Records(redis, RETENTION), reconciler(redis, url, policy=policy)
    waiting = PendingReports(ParkedReports(redis, RETENTION), Inbox(redis), applying(store, redis, policy))
    return Scheduler(due or DueMessages(redis), store, door, poller, waiting, policy, TIMEOUTS.lease)


def applying(store: Records, redis: StoreRedis, policy: Policy = POLICY) -> Reports:
    suppressing = Suppressing({}, key_names(NUMBER_KEYS)[0])
    return Reports(store, ParkedReports(redis, RETENTION), policy, lambda: 0.5, suppressing)


def pending(store: Records, redis: StoreRedis) -> PendingReports:
    return PendingReports(ParkedReports(redis, RETENTION), Inbox(redis), applying(store, redis))


def sending(
    store: Records,
    redis: StoreRedis,
    vendor: Vendor,
    monotonic: Callable[[], float] = time.monotonic,
    *,
    url: str = "redis://127.0.0.1:1",
    rate: float = 100_000.0,
    concurrency: int = 8,
    timeouts: Timeouts = TIMEOUTS,
    only_to: Collection[str] | None = None,
    limits: Limits | None = None,
) -> Sender:
    """A sender; ``url`` is the broker's, for what is given back. Without ``limits``, everybody is texted at any hour."""
    limiter = RateLimiter(redis, rate, monotonic=monotonic)
    submitter = Submitter(
        vendor=vendor,
        limiter=limiter,
        recorder=recording(store, redis, timeouts, limiter, monotonic=monotonic),
        concurrency=concurrency,
        callback_keys=CALLBACK_KEYS,
        callback_base=None,
        callback_life=3600.0,
        timeouts=timeouts,
        monotonic=monotonic,
    )
    return Sender(
        SendContext(
            records=store,
            limiter=limiter,
            submitter=submitter,
            pending=pending(store, redis),
            enqueuer=enqueuer(redis, url),
            cost=MessageCost({}),
            admission=admission(store, redis, limits, only_to),
            sandbox=Sandbox(store, Inbox(redis), Publisher(url), POLICY, timeouts.lease),
            policy=POLICY,
            timeouts=timeouts,
            monotonic=monotonic,
        )
    )


def admission(
    store: Records, redis: StoreRedis, limits: Limits | None = None, only_to: Collection[str] | None = None
) -> Admission:
    """What decides who may be texted: everybody at any hour, unless ``limits`` are given."""
    return Admission(
        records=store,
        openings=Openings(redis),
        fuses=Fuses(redis),
        limits=limits or Limits(),
        registry={},
        number_keys=NUMBER_KEYS,
        policy=POLICY,
        rate=lambda: 100.0,
        only_to=only_to,
    )


def recording(
    store: Records, redis: StoreRedis, timeouts: Timeouts = TIMEOUTS, limiter: RateLimiter | None = None, **clock: Any
) -> AnswerRecorder:
    """What records answers; with a limit of its own unless one is given."""
    return AnswerRecorder(
        records=store,
        limiter=limiter or RateLimiter(redis, 100_000.0),
        halted_messages=HaltedMessages(redis),
        policy=POLICY,
        pending=pending(store, redis),
        roll=lambda: 0.5,
        timeouts=timeouts,
        **clock,
    )


def ended(store: Records, message_id: str, owner: str, answer: Answer, *, probe: bool = False) -> CompletedAttempt:
    """The next attempt of a message, begun now by ``owner`` and answered; not recorded yet."""
    change = begin(store, message_id, owner)
    assert change is not None
    assert change.after.begun_at is not None
    return CompletedAttempt(Attempt(change.after, None, change.after.begun_at, 0.0, Slot(0.0, 1.0, probe), 1, 0.0), answer)


def job(lane: Lane = Lane.NOTICE, **fields: object) -> SendJob:
    return SendJob(to="13800138000", template="0000000", params=("1234",), lane=lane, **fields)


def begin(store: Records, message_id: str, owner: str = "me") -> Change | None:
    return changed(store, message_id, lambda reading: lifecycle.begin(reading.record, reading.now, LEASE, owner, POLICY))


def answer(store: Records, message_id: str, attempt: int, answer: Answer) -> Change | None:
    return changed(
        store,
        message_id,
        lambda reading: lifecycle.answered(reading.record, attempt, answer, POLICY, reading.now, 0.5),
    )


def changed(store: Records, message_id: str, decide: Callable[[Reading], Transition | None]) -> Change | None:
    return store.change(message_id, decide)


def store_clock(redis: StoreRedis) -> int:
    seconds, micros = redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
