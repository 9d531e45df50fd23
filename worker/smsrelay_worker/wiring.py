"""Relay: everything that acts, wired once from the settings.

Enters: ``WorkerSettings``. Leaves: sender, reports and agenda over one store. Nothing connects before its first use.
Raises ``PolicyError`` or ``Rejection`` when a file that the settings name is wrong.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Self

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.template import load_registry
from smsrelay.enqueue import Enqueuer
from smsrelay.settings import SettingsError
from smsrelay.store.connection import open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.outbox import Outbox
from smsrelay_worker.attempts.recorder import AnswerRecorder
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.attempts.submit import Submitter
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.rate_limit.cost import MessageCost
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.poll_rate import PollRate
from smsrelay_worker.reports.apply import Reports
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.reports.poll import StatusPoller
from smsrelay_worker.scheduler.rescuer import Rescuer
from smsrelay_worker.scheduler.scheduler import Scheduler
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.store.records import Store
from smsrelay_worker.store.shared_settings import Configuration
from smsrelay_worker.store.worker_registry import WorkerRegistry
from smsrelay_worker.vendors.base import Vendor
from smsrelay_worker.vendors.yisha.adapter import Yisha, YishaAccount
from smsrelay_worker.vendors.yisha.credentials import AppCode, AppKey, Credentials
from smsrelay_worker.vendors.yisha.http import open_session


@dataclass(frozen=True, slots=True)
class Relay:
    """The parts a worker process shares among its threads."""

    store: Store
    limiter: RateLimiter
    policy: Policy
    enqueuer: Enqueuer
    reports: Reports
    inbox: Inbox
    sender: Sender
    reconciler: StatusPoller
    agenda: Scheduler
    lost: Rescuer
    halted_messages: HaltedMessages
    muster: WorkerRegistry
    configuration: Configuration

    @classmethod
    def wire(cls, settings: WorkerSettings) -> Self:
        """Build every part from the settings."""
        redis = open_store(settings.store_url, settings.concurrency + 16, patient=True)
        store, inbox = Store(redis, settings.retention_hours * 3600), Inbox(redis)
        halted_messages, limiter = HaltedMessages(redis), RateLimiter(redis, settings.rate, settings.halt_probe)
        policy, registry = load_policy(settings.policy), load_registry(settings.templates)
        adapter, publisher = vendor(settings), Publisher(settings.broker_url)
        enqueuer = Enqueuer(Outbox(redis, settings.secret_bytes), publisher, registry, one_redis=settings.one_redis)
        roll = secrets.SystemRandom().random
        reports = Reports(store, policy, roll)
        pending = PendingReports(store, inbox, reports)
        timeouts = Timeouts(lease=settings.lease)
        recorder = AnswerRecorder(
            records=store,
            limiter=limiter,
            halted_messages=halted_messages,
            policy=policy,
            pending=pending,
            roll=roll,
            timeouts=timeouts,
        )
        sender = Sender(
            store=store,
            limiter=limiter,
            submitter=_submits(settings, adapter, limiter, recorder, timeouts, policy.report_deadline),
            pending=pending,
            enqueuer=enqueuer,
            cost=MessageCost(registry, settings.rate_unit == "segments"),
            policy=policy,
            timeouts=timeouts,
        )
        pace = PollRate(redis, settings.pull_rate)
        reconciler = StatusPoller(store, pace, adapter, reports, publisher, policy, clock=lambda: time.time_ns() // 1_000_000)
        agenda = Scheduler(store, enqueuer, reconciler, pending, policy, timeouts.lease)
        lost, muster = Rescuer(store, enqueuer, inbox, publisher), WorkerRegistry(redis)
        given = Configuration.of(settings)
        return cls(
            store, limiter, policy, enqueuer, reports, inbox, sender, reconciler, agenda, lost, halted_messages, muster, given
        )


def _submits(
    settings: WorkerSettings,
    adapter: Vendor,
    limiter: RateLimiter,
    recorder: AnswerRecorder,
    timeouts: Timeouts,
    callback_life: float,
) -> Submitter:
    return Submitter(
        vendor=adapter,
        limiter=limiter,
        recorder=recorder,
        concurrency=settings.concurrency,
        secret=settings.secret_bytes,
        callback_base=settings.callback_url,
        callback_life=callback_life,
        timeouts=timeouts,
    )


def vendor(settings: WorkerSettings) -> Vendor:
    """The vendor's adapter with the account of the settings; raises ``SettingsError`` for an account that cannot work."""
    try:
        account = YishaAccount(
            domestic_url=settings.vendor_url,
            intl_url=settings.vendor_intl_url,
            credentials=_credentials(settings),
            serialiser=settings.serialiser,
            channel=settings.channel,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
        )
    except ValueError as error:
        raise SettingsError(f"vendor account: {error}") from None
    proxy = settings.vendor_proxy.get_secret_value() if settings.vendor_proxy else None
    return Yisha(account, open_session(settings.concurrency, proxy))


def _credentials(settings: WorkerSettings) -> Credentials:
    if settings.app_key is not None and settings.app_secret is not None:
        return AppKey(settings.app_key, settings.app_secret.get_secret_value())
    return AppCode(settings.appcode.get_secret_value() if settings.appcode else "")
