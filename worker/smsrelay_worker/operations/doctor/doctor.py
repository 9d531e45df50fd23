"""Runs every check of ``smsrelay doctor`` and collects the findings, each with what to do about it.

Reads the settings of the environment and asks the servers that they name. Changes nothing, except that on RabbitMQ it declares
our queues and exchanges, as a worker would. Asks the vendor nothing; apart from store and broker, only the callback URL is
called. A server that does not answer is a finding. So are settings with which no worker starts; what a receiver needs is then
still checked.
"""

import time
from collections.abc import Callable, Iterable

from smsrelay.contract.key_name import key_names
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import SettingsError, StoreSettings
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay.store.suppressions import suppressed_counts
from smsrelay_worker.apps.toml_file import AppsError, load_apps
from smsrelay_worker.operations.doctor import access
from smsrelay_worker.operations.doctor.access import AccessProblem
from smsrelay_worker.operations.doctor.broker import examine_broker
from smsrelay_worker.operations.doctor.callback import examine_callback
from smsrelay_worker.operations.doctor.encryption import encryption_is_off, examine_payloads
from smsrelay_worker.operations.doctor.finding import Finding, checked, error
from smsrelay_worker.operations.doctor.host import examine_spool, open_files
from smsrelay_worker.operations.doctor.settings import examine_settings, is_real
from smsrelay_worker.operations.doctor.sinks import examine_sinks
from smsrelay_worker.operations.doctor.store import examine_store
from smsrelay_worker.operations.doctor.suppressions import examine_suppressions
from smsrelay_worker.operations.doctor.workers import examine_workers
from smsrelay_worker.operations.payload_keys import known_names
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.shared_settings import shared_settings
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.worker_registry import WorkerRegistry

Clock = Callable[[], float]


def examine(wall_clock: Clock = time.time) -> list[Finding]:
    """All checks, on the settings of the environment. ``wall_clock`` gives this host's time in epoch seconds."""
    try:
        settings = WorkerSettings()
    except SettingsError as problems:
        return [*_wrong_settings(str(problems)), *_examine_without_worker(wall_clock)]
    recent_templates, at_store = examine_store(settings, wall_clock)
    return [
        *checked("settings", lambda: examine_settings(settings, recent_templates)),
        *at_store,
        *checked("broker", lambda: examine_broker(settings)),
        *checked("rights", lambda: rights(access.worker_problems(settings))),
        *checked("callback", lambda: examine_callback(settings.callback_url, settings.callback_keys)),
        *checked("workers", lambda: _workers(settings)),
        *checked("encryption", lambda: _encryption(settings)),
        *checked("outcomes", lambda: _sinks(settings)),
        *checked("suppression", lambda: _suppressions(settings)),
        *checked("spool", lambda: [*examine_spool(settings), *open_files(settings)]),
    ]


def rights(problems: Iterable[AccessProblem]) -> list[Finding]:
    """Missing rights of the servers' users. If a server refuses us altogether, the checks of store and broker say why."""
    return [
        error(
            "rights",
            f"{one.variable}: the server's user lacks {', '.join(one.missing)}",
            f"{one.remedy}; docs/operating.md, Rights",
        )
        for one in problems
        if one.missing
    ]


def _examine_without_worker(wall_clock: Clock) -> list[Finding]:
    try:
        settings = StoreSettings()
    except SettingsError:
        return []  # its problems are among the worker's
    return [
        *examine_store(settings, wall_clock)[1],
        *checked("broker", lambda: examine_broker(settings)),
        *checked("rights", lambda: rights(access.receiver_problems(settings))),
        *_spool(),
    ]


def _spool() -> list[Finding]:
    try:
        settings = ReceiverSettings()
    except SettingsError:
        return []  # among the worker's, too
    return checked("spool", lambda: examine_spool(settings))


def _workers(settings: WorkerSettings) -> list[Finding]:
    """Findings about live workers. Unreadable files and a store that does not answer are findings of other checks."""
    redis = open_store(settings.store_url, 2)
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
    redis = open_store(settings.store_url, 2)
    try:
        given = [one.given.payload_keys for one in WorkerRegistry(redis).processes() if one.given is not None]
        return [*off, *examine_payloads(redis, known_names(here, given))]
    except StoreUnavailable:
        return off
    finally:
        redis.close()


def _sinks(settings: WorkerSettings) -> list[Finding]:
    """Findings about where outcomes go. A wrong apps file and a store that does not answer are findings of other checks."""
    redis = open_store(settings.store_url, 2)
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
    redis = open_store(settings.store_url, 2)
    try:
        return examine_suppressions(suppressed_counts(redis), key_names(settings.number_keys))
    except StoreUnavailable:
        return []
    finally:
        redis.close()


def _wrong_settings(problems: str) -> list[Finding]:
    remedy = "correct it in the environment or in .env (see the table of settings); workers do not start until then"
    return [error("settings", problem, remedy) for problem in problems.splitlines()]
