"""Runs the HTTP API: wires the app to the store and serves it until SIGTERM or Ctrl-C. It starts even if the store is away.

Raises ``Rejection``, ``PolicyError``, ``AppsError`` or ``OSError`` for a file that the settings name and that is wrong.
"""

import asyncio
import time
from collections.abc import Mapping
from functools import partial

from smsrelay import logs
from smsrelay.async_enqueue import AsyncEnqueuer
from smsrelay.contract.template import load_registry
from smsrelay.http.connection_limits import ConnectionLimits
from smsrelay.http.server import CHUNKED_OVERHEAD, serve
from smsrelay.store.asynchronous.campaigns import AsyncCampaigns
from smsrelay.store.asynchronous.numbers import AsyncNumberIndex
from smsrelay.store.asynchronous.records import AsyncRecords
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.asynchronous.suppressions import AsyncSuppressions
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay.store.keys import Keys
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.records import Records
from smsrelay.store.refusal_counts import RefusalCounts
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay.store.write_probe import write_nothing
from smsrelay_worker.api.action_notes import ActionNotes
from smsrelay_worker.api.app import ApiApp
from smsrelay_worker.api.campaigns import CampaignControl
from smsrelay_worker.api.known_keys import KnownKeys
from smsrelay_worker.api.known_windows import KnownWindows
from smsrelay_worker.api.lookups import Endpoint, Lookups
from smsrelay_worker.api.quota_gate import QuotaGate
from smsrelay_worker.api.refusal_log import RefusalLog
from smsrelay_worker.api.refused_jobs import RefusedJobs
from smsrelay_worker.api.sending import MAX_BATCH_BODY, Sending
from smsrelay_worker.api.shared_overview import SharedOverview
from smsrelay_worker.api.suppressing import Suppressing
from smsrelay_worker.apps.toml_file import load_apps
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import ApiSettings
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.store.api.quotas import Quotas
from smsrelay_worker.store.feedback import Feedback


def serve_api(settings: ApiSettings, host: str, port: int) -> None:
    """Answer requests until stopped."""
    logs.set_up()
    limits = ConnectionLimits(
        message_bytes=MAX_BATCH_BODY + CHUNKED_OVERHEAD,
        connections=settings.api_connections,
        per_address=settings.api_connections_per_address,
    )
    serve(create_app(settings), host, port, limits, settings.api_keep_alive)


def create_app(settings: ApiSettings) -> ApiApp:
    """The app with all its parts; nothing connects before its first use. For one event loop."""
    redis = open_store(settings.store, connections=16)
    refusals = RefusalCounts(redis, lambda: time.time_ns() // 1_000_000)
    quotas, records, feedback = Quotas(redis), Records(redis, settings.retention_hours * 3600), Feedback(redis)
    numbers, suppressions = NumberIndex(redis, settings.number_keys), Suppressions(redis, settings.number_keys)
    campaigns = Campaigns(redis)
    scripts = [one.script for one in (quotas, records, feedback, numbers, refusals)]
    store = AsyncStore(settings.store, [*scripts, *suppressions.scripts, *campaigns.scripts], barrier=redis.barrier)
    timeout, registry = settings.enqueue_timeout, load_registry(settings.templates)
    read = AsyncRecords(store, records)
    operations = Operations.wire(settings)
    refusal_log = RefusalLog()
    sending = Sending(
        AsyncEnqueuer.connect(settings),
        QuotaGate(store, quotas, load_apps(settings.apps), timeout),
        registry,
        settings.number_keys.all,
        KnownWindows(store, redis.store_keys, timeout).read,
        RefusedJobs(partial(_count_refused, store, refusals, timeout)),
        refusal_log,
    )
    lookups = Lookups(
        read,
        AsyncNumberIndex(store, numbers, read),
        load_policy(settings.policy),
        partial(_used, store, feedback),
        SharedOverview(partial(StatusOverview.read, operations), timeout).read,
        timeout,
    )
    notes = ActionNotes(store, ActionLog(redis))
    suppressing = Suppressing(AsyncSuppressions(store, suppressions), registry, notes, timeout)
    control = CampaignControl(AsyncCampaigns(store, campaigns), notes, timeout)
    endpoints = _endpoints(sending, lookups, suppressing, control)
    keys = redis.store_keys
    return ApiApp(endpoints, KnownKeys(store, keys, timeout).key_of, partial(_ready, store, keys, timeout), refusals=refusal_log)


def _endpoints(sending: Sending, lookups: Lookups, suppressing: Suppressing, control: CampaignControl) -> dict[str, Endpoint]:
    """What carries out each operation."""
    return {
        "send": sending.send,
        "send_batch": sending.send_batch,
        "find": lookups.find,
        "find_number": lookups.find_number,
        "show": lookups.show,
        "timeline": lookups.timeline,
        "cancel": lookups.cancel,
        "feedback": lookups.feedback,
        "suppress": suppressing.add,
        "unsuppress": suppressing.remove,
        "find_suppressions": suppressing.find,
        "campaigns": control.page,
        "show_campaign": control.show,
        "pause_campaign": control.pause,
        "resume_campaign": control.resume,
        "cancel_campaign": control.cancel,
        "status": lookups.status,
    }


async def _ready(store: AsyncStore, keys: Keys, timeout: float) -> bool:
    """Whether the store takes writes, and so a job could be accepted."""
    try:
        await store.execute([write_nothing(keys)], asyncio.get_running_loop().time() + timeout)
    except StoreUnavailable:
        return False
    return True


async def _count_refused(
    store: AsyncStore, refusals: RefusalCounts, timeout: float, token: str, counts: Mapping[str, int]
) -> None:
    await store.execute([refusals.jobs_command(token, counts)], asyncio.get_running_loop().time() + timeout)


async def _used(store: AsyncStore, feedback: Feedback, message_id: str, until: float) -> int | None:
    [answer] = await store.execute([feedback.command(message_id)], until)
    return feedback.read(answer)
