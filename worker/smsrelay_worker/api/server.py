"""Runs the HTTP API: wires the app to the store and serves it until SIGTERM or Ctrl-C. It starts even if the store is away.

Raises ``Rejection``, ``PolicyError``, ``AppsError`` or ``OSError`` for a file that the settings name and that is wrong.
"""

import asyncio
from functools import partial

from smsrelay import logs
from smsrelay.async_enqueue import AsyncEnqueuer
from smsrelay.contract.template import load_registry
from smsrelay.http.connection_limits import ConnectionLimits
from smsrelay.http.server import CHUNKED_OVERHEAD, serve
from smsrelay.store import keys
from smsrelay.store.asynchronous.campaigns import AsyncCampaigns
from smsrelay.store.asynchronous.numbers import AsyncNumberIndex
from smsrelay.store.asynchronous.records import AsyncRecords
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.asynchronous.suppressions import AsyncSuppressions
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.records import Records
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay_worker.api.app import ApiApp
from smsrelay_worker.api.campaigns import CampaignControl
from smsrelay_worker.api.known_keys import KnownKeys
from smsrelay_worker.api.known_windows import KnownWindows
from smsrelay_worker.api.lookups import Endpoint, Lookups
from smsrelay_worker.api.quota_gate import QuotaGate
from smsrelay_worker.api.sending import MAX_BATCH_BODY, Sending
from smsrelay_worker.api.shared_overview import SharedOverview
from smsrelay_worker.api.suppressing import Suppressing
from smsrelay_worker.apps.toml_file import load_apps
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import ApiSettings
from smsrelay_worker.store.api.quotas import Quotas
from smsrelay_worker.store.feedback import Feedback

# Changes nothing, because the agenda has no such member; but a store that is full, or a replica, refuses it as it would a job.
_WRITES_NOTHING = ("ZADD", keys.AGENDA, "XX", "0", "readyz")


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
    redis = open_store(settings.store_url, connections=16)
    quotas, records, feedback = Quotas(redis), Records(redis, settings.retention_hours * 3600), Feedback(redis)
    numbers, suppressions = NumberIndex(redis, settings.number_keys), Suppressions(redis, settings.number_keys)
    campaigns = Campaigns(redis)
    scripts = [quotas.script, records.script, feedback.script, numbers.script, *suppressions.scripts, *campaigns.scripts]
    store, timeout, registry = (
        AsyncStore(settings.store_url, scripts),
        settings.enqueue_timeout,
        load_registry(settings.templates),
    )
    read = AsyncRecords(store, records)
    operations = Operations.wire(settings)
    sending = Sending(
        AsyncEnqueuer.connect(settings),
        QuotaGate(store, quotas, load_apps(settings.apps), timeout),
        registry,
        settings.number_keys.all,
        KnownWindows(store, timeout).read,
    )
    lookups = Lookups(
        read,
        AsyncNumberIndex(store, numbers, read),
        load_policy(settings.policy),
        partial(_used, store, feedback),
        SharedOverview(partial(StatusOverview.read, operations), timeout).read,
        timeout,
    )
    suppressing = Suppressing(AsyncSuppressions(store, suppressions), registry, timeout)
    control = CampaignControl(AsyncCampaigns(store, campaigns), timeout)
    endpoints = _endpoints(sending, lookups, suppressing, control)
    return ApiApp(endpoints, KnownKeys(store, timeout).key_of, partial(_ready, store, timeout))


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


async def _ready(store: AsyncStore, timeout: float) -> bool:
    """Whether the store takes writes, and so a job could be accepted."""
    try:
        await store.execute([_WRITES_NOTHING], asyncio.get_running_loop().time() + timeout)
    except StoreUnavailable:
        return False
    return True


async def _used(store: AsyncStore, feedback: Feedback, message_id: str, until: float) -> int | None:
    [answer] = await store.execute([feedback.command(message_id)], until)
    return feedback.read(answer)
