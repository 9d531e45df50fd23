"""Wires the console and serves it. Nothing connects before the first page, but for the samples of the last minutes.

Raises ``PolicyError``, ``LimitsError`` or ``AppsError`` if a file that the settings name is wrong.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Sequence
from functools import partial
from importlib.resources import files

from starlette.types import ASGIApp

from smsrelay import logs
from smsrelay.enqueue import Enqueuer
from smsrelay.http.connection_limits import ConnectionLimits
from smsrelay.http.server import CHUNKED_OVERHEAD, serve
from smsrelay.settings import SettingsError
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.connection import open_store
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.records import Records
from smsrelay.store.suppressions import Suppressions
from smsrelay_worker.apps.toml_file import load_apps
from smsrelay_worker.console.app import ConsoleApp
from smsrelay_worker.console.brake import GuessBrake
from smsrelay_worker.console.checkup import Checkup
from smsrelay_worker.console.door import Door
from smsrelay_worker.console.forms import MAX_BODY
from smsrelay_worker.console.guard import Guard
from smsrelay_worker.console.hosts import KnownHosts
from smsrelay_worker.console.page import Page
from smsrelay_worker.console.pages.account import Account
from smsrelay_worker.console.pages.action_log import Actions
from smsrelay_worker.console.pages.campaigns import Campaigns
from smsrelay_worker.console.pages.codes import Codes, ended_codes
from smsrelay_worker.console.pages.dead import Dead
from smsrelay_worker.console.pages.doctor import Doctor
from smsrelay_worker.console.pages.due import Due
from smsrelay_worker.console.pages.find import Find
from smsrelay_worker.console.pages.message import Message
from smsrelay_worker.console.pages.now import Now
from smsrelay_worker.console.pages.suppressed import Suppressed
from smsrelay_worker.console.pages.webhooks import Webhooks
from smsrelay_worker.console.probes import Probes, store_readable
from smsrelay_worker.console.recorder import ActionRecorder
from smsrelay_worker.console.rendering import Renderer
from smsrelay_worker.console.session import Sessions
from smsrelay_worker.console.sign_in import Password, ProxyHeader
from smsrelay_worker.console.watch import Watch
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.operations.dead_letters import DeadLetters
from smsrelay_worker.operations.doctor.doctor import examine, role_here
from smsrelay_worker.operations.doctor.finding import Finding
from smsrelay_worker.operations.doctor.role import Role
from smsrelay_worker.operations.sink_control import SinkControl
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import ConsoleSettings, WorkerSettings

_KEEP_ALIVE = 75  # seconds
_ROOM = __name__.rpartition(".")[0]


def serve_console(settings: ConsoleSettings, host: str, port: int, *, actions: bool) -> None:
    """Answer requests until stopped."""
    logs.set_up()
    operations = Operations.wire(settings)
    watch = Watch(partial(StatusOverview.read, operations), operations.tallies.read, time.monotonic)
    app = create_app(settings, host, operations, watch, actions=actions)
    stopping = threading.Event()
    threading.Thread(target=watch.run, args=(stopping,), name="watch", daemon=True).start()
    try:
        serve(app, host, port, ConnectionLimits(message_bytes=MAX_BODY + CHUNKED_OVERHEAD), _KEEP_ALIVE)
    finally:
        stopping.set()


def create_app(settings: ConsoleSettings, host: str, operations: Operations, watch: Watch, *, actions: bool) -> ASGIApp:
    """The app with all its parts."""
    door = Door(
        Sessions(secrets.token_bytes(32), time.time, secrets.token_urlsafe), _way_in(settings), GuessBrake(time.monotonic)
    )
    pages = [*Account(door).pages(), *_pages(settings, operations, watch)]
    app = ConsoleApp(pages, door, Renderer(_assets()), actions=actions)
    guarded = Guard(app, KnownHosts.of(host, settings.console_hosts))
    return Probes(guarded, partial(store_readable, AsyncStore(settings.store, [], connections=2)))


def _pages(settings: ConsoleSettings, operations: Operations, watch: Watch) -> Sequence[Page]:
    redis = open_store(settings.store, 8)
    records = Records(redis, settings.retention_hours * 3600, cipher=settings.payload_cipher)
    letters = DeadLetters(records, Enqueuer.connect(settings))
    policy, limits, apps = load_policy(settings.policy), load_limits(settings.limits), load_apps(settings.apps)
    checkup, recorder = Checkup(_examine, time.monotonic), ActionRecorder(operations.actions)
    numbers, lists = NumberIndex(redis, settings.number_keys), Suppressions(redis, settings.number_keys)
    control = SinkControl(operations.sink_states, operations.outcomes, settings.broker_url)
    return [
        *Now(watch, checkup).pages(),
        *Find(records, numbers, operations.message_ids, apps).pages(),
        *Message(records, letters, operations.worker_registry, policy, limits, recorder).pages(),
        *Due(operations).pages(),
        *Campaigns(operations, recorder).pages(),
        *Dead(operations.dead_letters, records, letters, policy, recorder).pages(),
        *Codes(operations, policy, lambda: ended_codes(watch.tallied())).pages(),
        *Webhooks(operations, control, recorder).pages(),
        *Suppressed(lists, settings.number_keys, recorder).pages(),
        *Actions(operations.actions).pages(),
        *Doctor(checkup).pages(),
    ]


def _way_in(settings: ConsoleSettings) -> Password | ProxyHeader:
    if settings.console_auth is not None:
        return Password.parse(settings.console_auth.get_secret_value(), secrets.token_bytes(32))
    return ProxyHeader.parse(settings.console_user_header or "", settings.console_proxies)


def _examine() -> list[Finding]:
    """What the doctor finds, asked as a worker where the settings are a worker's too."""
    return examine(Role.WORKER if _has_workers_settings() else Role.CONSOLE)


def _has_workers_settings() -> bool:
    try:
        if role_here() is not Role.WORKER:
            return False
        WorkerSettings()
    except SettingsError:
        return False
    return True


def _assets() -> str:
    """A text that changes with the static files."""
    names = ("console.css", "console.js")
    content = b"".join(files(_ROOM).joinpath("static", name).read_bytes() for name in names)
    return hashlib.sha256(content).hexdigest()[:12]
