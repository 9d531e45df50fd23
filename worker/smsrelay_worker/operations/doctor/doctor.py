"""Runs every check of ``smsrelay doctor`` and collects the findings, each with what to do about it.

Reads the settings of the environment, for one ``Role``, and asks the servers that they name. Changes nothing, except that on
RabbitMQ it declares our queues and exchanges, as a worker would. Asks the vendor nothing; apart from store and broker, only the
callback URL is called. A server that does not answer is a finding. So are settings with which the process does not start; the
servers are then still checked.
"""

import os
import time
from collections.abc import Callable

from smsrelay.contract.key_name import key_names
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.secret_files import SUFFIX, given
from smsrelay.settings import SettingsError, env_file
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay.store.suppressions import suppressed_counts
from smsrelay_worker.apps.toml_file import AppsError, load_apps
from smsrelay_worker.operations.doctor.encryption import encryption_is_off, examine_payloads
from smsrelay_worker.operations.doctor.finding import Finding, checked, side_by_side
from smsrelay_worker.operations.doctor.host import examine_spool, open_files
from smsrelay_worker.operations.doctor.role import Role, likely_role
from smsrelay_worker.operations.doctor.roles import (
    examine_api,
    examine_app,
    examine_console,
    examine_flower,
    examine_operator,
    examine_receiver,
    examine_servers,
    rights,
    traffic,
    wrong_settings,
)
from smsrelay_worker.operations.doctor.servers import access
from smsrelay_worker.operations.doctor.servers.broker import examine_broker
from smsrelay_worker.operations.doctor.settings import examine_settings, is_real
from smsrelay_worker.operations.doctor.store import examine_store
from smsrelay_worker.operations.doctor.suppressions import examine_suppressions
from smsrelay_worker.operations.doctor.traffic.callback import examine_callback
from smsrelay_worker.operations.doctor.traffic.sinks import examine_sinks
from smsrelay_worker.operations.doctor.traffic.workers import examine_workers
from smsrelay_worker.operations.payload_keys import known_names
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.shared_settings import shared_settings
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.worker_registry import WorkerRegistry

Clock = Callable[[], float]


def role_here() -> Role:
    """The role that the variables of this environment fit; raises ``SettingsError`` when ``.env`` cannot be read."""
    return likely_role([name.removesuffix(SUFFIX) for name in given(os.environ, env_file())])


def examine(role: Role, wall_clock: Clock = time.time) -> list[Finding]:
    """All checks for this role, on the settings of the environment. ``wall_clock`` gives this host's time in epoch seconds."""
    return _EXAMINED[role](wall_clock)


def examine_worker(wall_clock: Clock) -> list[Finding]:
    """What a worker needs, and what of the whole relay can be seen with its settings."""
    try:
        settings = WorkerSettings()
    except SettingsError as problems:
        servers = examine_servers(wall_clock, access.receiver_problems)
        return [*wrong_settings(str(problems), "workers"), *servers, *_spool()]
    recent_templates: set[str] = set()
    found = side_by_side(
        ("store", lambda: examine_store(settings, wall_clock, recent_templates)),
        ("broker", lambda: examine_broker(settings)),
        ("rights", lambda: rights(access.worker_problems(settings))),
        ("callback", lambda: examine_callback(settings.callback_url, settings.callback_keys)),
        ("workers", lambda: _workers(settings)),
        ("traffic", lambda: traffic(settings)),
        ("encryption", lambda: _encryption(settings)),
        ("outcomes", lambda: _sinks(settings)),
        ("suppression", lambda: _suppressions(settings)),
        ("spool", lambda: [*examine_spool(settings), *open_files(settings)]),
    )
    return [*checked("settings", lambda: examine_settings(settings, recent_templates)), *found]


def _spool() -> list[Finding]:
    try:
        settings = ReceiverSettings()
    except SettingsError:
        return []  # among the worker's, too
    return checked("spool", lambda: examine_spool(settings))


def _workers(settings: WorkerSettings) -> list[Finding]:
    """Findings about live workers. Unreadable files and a store that does not answer are findings of other checks."""
    redis = open_store(settings.store, 2)
    try:
        return examine_workers(WorkerRegistry(redis).processes(), shared_settings(settings))
    except (StoreUnavailable, OSError):
        return []
    finally:
        redis.close()


def _encryption(settings: WorkerSettings) -> list[Finding]:
    """Findings about encryption. A store that does not answer is a finding of another check."""
    here = settings.payload_cipher.names
    off = encryption_is_off(here, is_real(settings))
    redis = open_store(settings.store, 2)
    try:
        given = [one.given.payload_keys for one in WorkerRegistry(redis).processes() if one.given is not None]
        return [*off, *examine_payloads(redis, known_names(here, given))]
    except StoreUnavailable:
        return off
    finally:
        redis.close()


def _sinks(settings: WorkerSettings) -> list[Finding]:
    """Findings about where outcomes go. A wrong apps file and a store that does not answer are findings of other checks."""
    redis = open_store(settings.store, 2)
    try:
        with store_answers():
            seconds, _ = redis.time()
            outbox = OutcomeOutbox(redis, settings.retention_hours * 3600)
            return examine_sinks(redis, load_apps(settings.apps), outbox, int(seconds) * 1000)
    except (StoreUnavailable, AppsError):
        return []
    finally:
        redis.close()


def _suppressions(settings: WorkerSettings) -> list[Finding]:
    """Findings about the suppression lists. A store that does not answer is a finding of another check."""
    redis = open_store(settings.store, 2)
    try:
        return examine_suppressions(suppressed_counts(redis), key_names(settings.number_keys))
    except StoreUnavailable:
        return []
    finally:
        redis.close()


_EXAMINED: dict[Role, Callable[[Clock], list[Finding]]] = {
    Role.WORKER: examine_worker,
    Role.RECEIVER: examine_receiver,
    Role.API: examine_api,
    Role.CONSOLE: examine_console,
    Role.FLOWER: examine_flower,
    Role.APP: examine_app,
    Role.OPERATOR: examine_operator,
}
