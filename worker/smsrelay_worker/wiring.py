"""Relay: every part of a worker process, wired once from the settings. Nothing connects before its first use.

Raises ``PolicyError``, ``LimitsError``, ``AppsError`` or ``Rejection`` if a file that the settings name is wrong,
``SettingsError`` if the vendor account is.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Self

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.key_name import key_names
from smsrelay.contract.template import Registry, load_registry
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Records
from smsrelay.store.traffic.campaign_cancel import CampaignCancel
from smsrelay.store.traffic.halts import Halts
from smsrelay.store.traffic.held_messages import HeldMessages
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.apps.toml_file import load_apps
from smsrelay_worker.attempts.admission import Admission
from smsrelay_worker.attempts.recorder import AnswerRecorder
from smsrelay_worker.attempts.sandbox import Sandbox
from smsrelay_worker.attempts.send_context import SendContext
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.attempts.submit import Submitter
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.messages.suppressing import Suppressing
from smsrelay_worker.outcomes.delivery import OutcomeDelivery
from smsrelay_worker.outcomes.results import Results
from smsrelay_worker.outcomes.sinks import sink_workers
from smsrelay_worker.outcomes.wording import Wording
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.rate_limit.cost import MessageCost
from smsrelay_worker.rate_limit.halted_messages import HaltedMessages
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.rate_limit.poll_rate import PollRate
from smsrelay_worker.reports.apply import Reports
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.reports.poll import StatusPoller
from smsrelay_worker.scheduler.halt_work import HaltWork
from smsrelay_worker.scheduler.rescuer import Rescuer
from smsrelay_worker.scheduler.scheduler import Scheduler
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.shared_settings import shared_settings
from smsrelay_worker.store.due_messages import DueMessages
from smsrelay_worker.store.failed_reports import FailedReports
from smsrelay_worker.store.fuses import Fuses
from smsrelay_worker.store.lost_tasks import LostTasks
from smsrelay_worker.store.openings import Openings
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.store.published_limits import PublishedLimits
from smsrelay_worker.store.shared_settings import SharedSettings
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.published_sinks import PublishedSinks
from smsrelay_worker.store.sinks.sink_states import SinkStates
from smsrelay_worker.store.undecodable import UndecodableTasks
from smsrelay_worker.store.worker_registry import WorkerRegistry
from smsrelay_worker.vendors.base import Vendor
from smsrelay_worker.vendors.factory import create_vendor

_roll = secrets.SystemRandom().random  # 0 ≤ roll < 1


@dataclass(frozen=True, slots=True)
class Relay:
    """The parts a worker process shares among its threads."""

    records: Records
    failed_reports: FailedReports
    undecodable: UndecodableTasks
    limiter: RateLimiter
    policy: Policy
    enqueuer: Enqueuer
    reports: Reports
    inbox: Inbox
    sender: Sender
    poller: StatusPoller
    scheduler: Scheduler
    rescuer: Rescuer
    halt_work: HaltWork
    worker_registry: WorkerRegistry
    shared_settings: SharedSettings
    apps: Apps
    published_sinks: PublishedSinks
    limits: Limits
    published_limits: PublishedLimits
    outcome_delivery: OutcomeDelivery

    @classmethod
    def wire(cls, settings: WorkerSettings) -> Self:
        """Build every part from the settings."""
        redis = open_store(settings.store, settings.concurrency + 16, patient=True)
        retention = settings.retention_hours * 3600
        apps = load_apps(settings.apps)
        cipher = settings.payload_cipher
        records, parked, inbox = Records(redis, retention, apps, cipher), ParkedReports(redis, retention), Inbox(redis)
        policy, registry = load_policy(settings.policy), load_registry(settings.templates)
        limits = load_limits(settings.limits)
        adapter, publisher = create_vendor(settings), Publisher(settings.broker_url)
        enqueuer = _enqueuer(settings, redis, publisher, registry, records)
        timeouts, limiter = Timeouts(lease=settings.lease), RateLimiter(redis, settings.rate, settings.halt_probe)
        reports = Reports(records, parked, policy, _roll, Suppressing(registry, key_names(settings.number_keys)[0]))
        pending = PendingReports(parked, inbox, reports)
        recorder = AnswerRecorder(
            records=records,
            limiter=limiter,
            halted_messages=HaltedMessages(redis),
            policy=policy,
            pending=pending,
            roll=_roll,
            timeouts=timeouts,
            caps=bool(limits.caps),
        )
        context = SendContext(
            records=records,
            limiter=limiter,
            submitter=_submitter(settings, adapter, recorder, limiter, policy),
            pending=pending,
            enqueuer=enqueuer,
            cost=MessageCost(registry, settings.rate_unit == "segments"),
            admission=_admission(settings, redis, records, limiter, limits, registry, policy),
            sandbox=Sandbox(records, inbox, publisher, policy, timeouts.lease),
            policy=policy,
            timeouts=timeouts,
        )
        poller = StatusPoller(records, PollRate(redis, settings.pull_rate), adapter, reports, publisher, policy, _now)
        return cls(
            records=records,
            failed_reports=FailedReports(redis, retention),
            undecodable=UndecodableTasks(redis, retention, cipher),
            limiter=limiter,
            policy=policy,
            enqueuer=enqueuer,
            reports=reports,
            inbox=inbox,
            sender=Sender(context),
            poller=poller,
            scheduler=Scheduler(DueMessages(redis), records, enqueuer, poller, pending, policy, timeouts.lease),
            rescuer=Rescuer(LostTasks(redis), enqueuer, inbox, publisher),
            halt_work=HaltWork(Halts(redis), HeldMessages(redis), CampaignCancel(redis, records), limiter),
            worker_registry=WorkerRegistry(redis),
            shared_settings=shared_settings(settings),
            apps=apps,
            published_sinks=PublishedSinks(redis),
            limits=limits,
            published_limits=PublishedLimits(redis),
            outcome_delivery=_outcome_delivery(settings, redis, apps, records, policy),
        )


def _enqueuer(
    settings: WorkerSettings, redis: StoreRedis, publisher: Publisher, registry: Registry, records: Records
) -> Enqueuer:
    outbox = Outbox(redis, settings.number_keys, caps=False, cipher=settings.payload_cipher)
    numbers, only_to = NumberIndex(redis, settings.number_keys), settings.only_to_numbers
    return Enqueuer(outbox, publisher, registry, records, numbers=numbers, only_to=only_to, one_redis=settings.one_redis)


def _admission(
    settings: WorkerSettings,
    redis: StoreRedis,
    records: Records,
    limiter: RateLimiter,
    limits: Limits,
    registry: Registry,
    policy: Policy,
) -> Admission:
    return Admission(
        records=records,
        openings=Openings(redis),
        fuses=Fuses(redis),
        limits=limits,
        registry=registry,
        number_keys=settings.number_keys,
        policy=policy,
        rate=lambda: limiter.state().configured,
        only_to=settings.only_to_numbers,
    )


def _now() -> int:
    """This host's clock, in ms."""
    return time.time_ns() // 1_000_000


def _outcome_delivery(
    settings: WorkerSettings, redis: StoreRedis, apps: Apps, records: Records, policy: Policy
) -> OutcomeDelivery:
    outbox, states = OutcomeOutbox(redis, settings.retention_hours * 3600), SinkStates(redis)
    workers = sink_workers(apps, settings.broker_url)
    results = Results(outbox, states, lambda sink: workers[sink].schedule, _roll)
    return OutcomeDelivery(outbox, records, states, results, workers, Wording(policy))


def _submitter(
    settings: WorkerSettings, adapter: Vendor, recorder: AnswerRecorder, limiter: RateLimiter, policy: Policy
) -> Submitter:
    return Submitter(
        vendor=adapter,
        limiter=limiter,
        recorder=recorder,
        concurrency=settings.concurrency,
        callback_keys=settings.callback_keys,
        callback_base=settings.callback_url,
        callback_life=policy.report_deadline,
        timeouts=Timeouts(lease=settings.lease),
    )
