"""Relay: everything that acts, wired once from the settings.

Enters: ``WorkerSettings``. Leaves: sender, reports and agenda over one store. Nothing connects before its first use.
Raises ``PolicyError`` or ``Rejection`` when a file that the settings name is wrong.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Self

from producers.connection import open_store
from producers.enqueue import Enqueuer
from producers.inbox import Inbox
from producers.outbox import Outbox
from producers.publish import Publisher
from producers.settings import SettingsError
from producers.template import load_registry
from worker.agenda import Agenda
from worker.answers import Answers
from worker.configuration import Configuration
from worker.limit import Limit
from worker.lost import LostWakeUps
from worker.muster import Muster
from worker.pace import Pace
from worker.policy import Policy
from worker.policy_file import load_policy
from worker.put_off import PutOff
from worker.reconcile import Reconciler
from worker.send import Sender
from worker.settings import WorkerSettings
from worker.status import Reports
from worker.store import Store
from worker.submit import Submits
from worker.tariff import Tariff
from worker.unread import Unread
from worker.vendor.answer import Vendor
from worker.vendor.credentials import AppCode, AppKey, Credentials
from worker.vendor.session import open_session
from worker.vendor.yisha import Yisha, YishaAccount
from worker.waits import Waits


@dataclass(frozen=True, slots=True)
class Relay:
    """The parts a worker process shares among its threads."""

    store: Store
    limit: Limit
    policy: Policy
    enqueuer: Enqueuer
    reports: Reports
    inbox: Inbox
    sender: Sender
    reconciler: Reconciler
    agenda: Agenda
    lost: LostWakeUps
    put_off: PutOff
    muster: Muster
    configuration: Configuration

    @classmethod
    def wire(cls, settings: WorkerSettings) -> Self:
        """Build every part from the settings."""
        redis = open_store(settings.store_url, settings.concurrency + 16, patient=True)
        store, inbox = Store(redis, settings.retention_hours * 3600), Inbox(redis)
        put_off, limit = PutOff(redis), Limit(redis, settings.rate, settings.halt_probe)
        policy, registry = load_policy(settings.policy), load_registry(settings.templates)
        adapter, publisher = vendor(settings), Publisher(settings.broker_url)
        enqueuer = Enqueuer(Outbox(redis, settings.secret_bytes), publisher, registry, one_redis=settings.one_redis)
        roll = secrets.SystemRandom().random
        reports = Reports(store, policy, roll)
        unread = Unread(store, inbox, reports)
        waits = Waits(lease=settings.lease)
        answers = Answers(store=store, limit=limit, put_off=put_off, policy=policy, unread=unread, roll=roll, waits=waits)
        sender = Sender(
            store=store,
            limit=limit,
            submits=_submits(settings, adapter, limit, answers, waits, policy.report_deadline),
            unread=unread,
            enqueuer=enqueuer,
            tariff=Tariff(registry, settings.rate_unit == "segments"),
            policy=policy,
            waits=waits,
        )
        pace = Pace(redis, settings.pull_rate)
        reconciler = Reconciler(store, pace, adapter, reports, publisher, policy, clock=lambda: time.time_ns() // 1_000_000)
        agenda = Agenda(store, enqueuer, reconciler, unread, policy, waits.lease)
        lost, muster = LostWakeUps(store, enqueuer, inbox, publisher), Muster(redis)
        given = Configuration.of(settings)
        return cls(store, limit, policy, enqueuer, reports, inbox, sender, reconciler, agenda, lost, put_off, muster, given)


def _submits(
    settings: WorkerSettings, adapter: Vendor, limit: Limit, answers: Answers, waits: Waits, callback_life: float
) -> Submits:
    return Submits(
        vendor=adapter,
        limit=limit,
        answers=answers,
        concurrency=settings.concurrency,
        secret=settings.secret_bytes,
        callback_base=settings.callback_url,
        callback_life=callback_life,
        waits=waits,
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
