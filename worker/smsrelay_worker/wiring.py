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
from smsrelay.store.enqueue_traces import UNTRACED
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
from smsrelay_worker.traces.message_traces import MessageTraces
from smsrelay_worker.traces.opening import message_traces
from smsrelay_worker.vendors.base import Vendor
from smsrelay_worker.vendors.factory import create_vendor

_roll = secrets.SystemRandom().random  # 0 ≤ roll < 1


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the files of an installation say, and the templates it may use."""

    apps: Apps
    policy: Policy
    registry: Registry
    limits: Limits

    @classmethod
    def load(cls, settings: WorkerSettings) -> Self:
        policy, registry = load_policy(settings.policy), load_registry(settings.templates)
        return cls(load_apps(settings.apps), policy, registry, load_limits(settings.limits))


@dataclass(frozen=True, slots=True)
class _Store:
    """What several parts share of the store."""

    redis: StoreRedis
    retention: float  # seconds
    records: Records
    parked: ParkedReports
    inbox: Inbox

    @classmethod
    def open(cls, settings: WorkerSettings, apps: Apps) -> Self:
        redis = open_store(settings.store, settings.concurrency + 16, patient=True)
        retention = settings.retention_hours * 3600
        records = Records(redis, retention, apps, settings.payload_cipher)
        return cls(redis, retention, records, ParkedReports(redis, retention), Inbox(redis))


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the parts of a relay are made of."""

    settings: WorkerSettings
    rules: _Rules
    store: _Store
    vendor: Vendor
    publisher: Publisher
    limiter: RateLimiter
    timeouts: Timeouts
    enqueuer: Enqueuer
    reports: Reports
    pending: PendingReports
    traces: MessageTraces | None

    @classmethod
    def wire(cls, settings: WorkerSettings, traces: MessageTraces | None) -> Self:
        rules = _Rules.load(settings)
        store = _Store.open(settings, rules.apps)
        suppressing = Suppressing(rules.registry, key_names(settings.number_keys)[0])
        reports = Reports(store.records, store.parked, rules.policy, _roll, suppressing, traces)
        vendor, publisher = create_vendor(settings), Publisher(settings.broker_url)
        return cls(
            settings=settings,
            rules=rules,
            store=store,
            vendor=vendor,
            publisher=publisher,
            limiter=RateLimiter(store.redis, settings.rate, settings.halt_probe),
            timeouts=Timeouts(lease=settings.lease),
            enqueuer=_enqueuer(settings, store, publisher, rules.registry, traces),
            reports=reports,
            pending=PendingReports(store.parked, store.inbox, reports),
            traces=traces,
        )


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
    traces: MessageTraces | None

    @classmethod
    def wire(cls, settings: WorkerSettings, traces: MessageTraces | None = None) -> Self:
        """Build every part from the settings. ``traces``: in place of those that the settings ask for."""
        shared = _Shared.wire(settings, traces or message_traces(settings.traces))
        rules, store, redis = shared.rules, shared.store, shared.store.redis
        poller = _poller(shared)
        return cls(
            records=store.records,
            failed_reports=FailedReports(redis, store.retention),
            undecodable=UndecodableTasks(redis, store.retention, settings.payload_cipher),
            limiter=shared.limiter,
            policy=rules.policy,
            enqueuer=shared.enqueuer,
            reports=shared.reports,
            inbox=store.inbox,
            sender=Sender(_send_context(shared)),
            poller=poller,
            scheduler=_scheduler(shared, poller),
            rescuer=Rescuer(LostTasks(redis), shared.enqueuer, store.inbox, shared.publisher),
            halt_work=HaltWork(Halts(redis), HeldMessages(redis), CampaignCancel(redis, store.records), shared.limiter),
            worker_registry=WorkerRegistry(redis),
            shared_settings=shared_settings(settings),
            apps=rules.apps,
            published_sinks=PublishedSinks(redis),
            limits=rules.limits,
            published_limits=PublishedLimits(redis),
            outcome_delivery=_outcome_delivery(shared),
            traces=shared.traces,
        )


def _enqueuer(
    settings: WorkerSettings, store: _Store, publisher: Publisher, registry: Registry, traces: MessageTraces | None
) -> Enqueuer:
    redis, keys, enqueuing = store.redis, settings.number_keys, traces.enqueuing if traces else UNTRACED
    outbox = Outbox(redis, keys, caps=False, cipher=settings.payload_cipher, traces=enqueuing)
    numbers, only_to, one_redis = NumberIndex(redis, keys), settings.only_to_numbers, settings.one_redis
    return Enqueuer(outbox, publisher, registry, store.records, numbers=numbers, only_to=only_to, one_redis=one_redis)


def _send_context(shared: _Shared) -> SendContext:
    rules, store, timeouts = shared.rules, shared.store, shared.timeouts
    return SendContext(
        records=store.records,
        limiter=shared.limiter,
        submitter=_submitter(shared),
        pending=shared.pending,
        enqueuer=shared.enqueuer,
        cost=MessageCost(rules.registry, shared.settings.rate_unit == "segments"),
        admission=_admission(shared),
        sandbox=Sandbox(store.records, store.inbox, shared.publisher, rules.policy, timeouts.lease, shared.traces),
        policy=rules.policy,
        timeouts=timeouts,
    )


def _submitter(shared: _Shared) -> Submitter:
    settings = shared.settings
    return Submitter(
        vendor=shared.vendor,
        limiter=shared.limiter,
        recorder=_recorder(shared),
        concurrency=settings.concurrency,
        callback_keys=settings.callback_keys,
        callback_base=settings.callback_url,
        callback_life=shared.rules.policy.report_deadline,
        timeouts=shared.timeouts,
    )


def _recorder(shared: _Shared) -> AnswerRecorder:
    return AnswerRecorder(
        records=shared.store.records,
        limiter=shared.limiter,
        halted_messages=HaltedMessages(shared.store.redis),
        policy=shared.rules.policy,
        pending=shared.pending,
        roll=_roll,
        timeouts=shared.timeouts,
        caps=bool(shared.rules.limits.caps),
        traces=shared.traces,
    )


def _admission(shared: _Shared) -> Admission:
    rules, redis, limiter = shared.rules, shared.store.redis, shared.limiter
    return Admission(
        records=shared.store.records,
        openings=Openings(redis),
        fuses=Fuses(redis),
        limits=rules.limits,
        registry=rules.registry,
        number_keys=shared.settings.number_keys,
        policy=rules.policy,
        rate=lambda: limiter.state().configured,
        only_to=shared.settings.only_to_numbers,
    )


def _poller(shared: _Shared) -> StatusPoller:
    store, policy = shared.store, shared.rules.policy
    pace = PollRate(store.redis, shared.settings.pull_rate)
    return StatusPoller(store.records, pace, shared.vendor, shared.reports, shared.publisher, policy, _now)


def _scheduler(shared: _Shared, poller: StatusPoller) -> Scheduler:
    store, policy = shared.store, shared.rules.policy
    due = DueMessages(store.redis)
    return Scheduler(due, store.records, shared.enqueuer, poller, shared.pending, policy, shared.timeouts.lease)


def _outcome_delivery(shared: _Shared) -> OutcomeDelivery:
    store, rules = shared.store, shared.rules
    outbox, states = OutcomeOutbox(store.redis, store.retention), SinkStates(store.redis)
    workers = sink_workers(rules.apps, shared.settings.broker_url, shared.settings.store, shared.traces)
    results = Results(outbox, states, lambda sink: workers[sink].schedule, _roll)
    return OutcomeDelivery(outbox, store.records, states, results, workers, Wording(rules.policy))


def _now() -> int:
    """This host's clock, in ms."""
    return time.time_ns() // 1_000_000
