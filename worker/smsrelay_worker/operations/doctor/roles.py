"""What the doctor asks of every role but the worker's, each by the settings that its process reads.

Takes what gives this host's time in epoch seconds; returns findings.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import ProducerSettings, SettingsError, StoreSettings
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.operations.doctor.finding import Finding, checked, error, side_by_side
from smsrelay_worker.operations.doctor.host import examine_spool, open_files
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.servers import access
from smsrelay_worker.operations.doctor.servers.access import AccessProblem
from smsrelay_worker.operations.doctor.servers.broker import answers, examine_broker
from smsrelay_worker.operations.doctor.settings import (
    files_of_api,
    files_of_console,
    flower,
    keys,
    only_to,
    payload_keys,
    registry,
)
from smsrelay_worker.operations.doctor.store import examine_store
from smsrelay_worker.operations.doctor.traffic.problems import examine_traffic
from smsrelay_worker.operations.doctor.traffic.workers import examine_workers
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import ApiSettings, ConsoleSettings, FlowerSettings, OperatorSettings
from smsrelay_worker.store.worker_registry import WorkerRegistry

Clock = Callable[[], float]
Problems = Callable[[StoreSettings], list[AccessProblem]]


def examine_receiver(clock: Clock) -> list[Finding]:
    """What a receiver needs: its keys, store and broker, its spool and this host's limit of open files."""
    try:
        settings = ReceiverSettings()
    except SettingsError as problems:
        return [*wrong_settings(str(problems), "receivers"), *examine_servers(clock, access.receiver_problems)]
    return [
        *checked("keys", lambda: keys({"SMSRELAY_CALLBACK_KEYS": settings.callback_keys}, real=False)),
        *checked("keys", lambda: payload_keys(settings.payload_keys, real=False)),
        *_servers(settings, clock, access.receiver_problems),
        *checked("spool", lambda: [*examine_spool(settings), *open_files(settings)]),
    ]


def examine_app(clock: Clock) -> list[Finding]:
    """What an app with the library needs, or ``smsrelay send``."""
    try:
        settings = ProducerSettings()
    except SettingsError as problems:
        return [*wrong_settings(str(problems), "apps"), *examine_servers(clock, access.app_problems)]
    return [*_enqueuing(settings), *_servers(settings, clock, access.app_problems)]


def examine_api(clock: Clock) -> list[Finding]:
    """What the HTTP API needs: what an app needs, and the files that explain what it shows."""
    try:
        settings = ApiSettings()
    except SettingsError as problems:
        return [*wrong_settings(str(problems), "APIs"), *examine_servers(clock, access.app_problems)]
    return [
        *_enqueuing(settings),
        *checked("settings", lambda: files_of_api(settings)),
        *_servers(settings, clock, access.app_problems),
    ]


def examine_console(clock: Clock) -> list[Finding]:
    """What the console needs: what an app needs, the files that explain what it shows; and whether the workers agree."""
    try:
        settings = ConsoleSettings()
    except SettingsError as problems:
        return [*wrong_settings(str(problems), "consoles"), *examine_servers(clock, access.app_problems)]
    return [
        *_enqueuing(settings),
        *checked("settings", lambda: files_of_console(settings)),
        *side_by_side(
            ("servers", lambda: _servers(settings, clock, access.app_problems)),
            ("workers", lambda: _workers(settings)),
            ("traffic", lambda: traffic(settings)),
        ),
    ]


def examine_flower(clock: Clock) -> list[Finding]:  # noqa: ARG001  as the others are called
    """What Flower needs: its password, and a broker that lets it in."""
    try:
        settings = FlowerSettings()
    except SettingsError as problems:
        return wrong_settings(str(problems), "Flowers")
    return [
        *checked("flower", lambda: flower(settings.flower_auth.get_secret_value())),
        *checked("broker", lambda: answers(settings.broker_url)),
    ]


def examine_operator(clock: Clock) -> list[Finding]:
    """What a person with the store's URL can see: the servers, and whether the workers agree."""
    try:
        settings = OperatorSettings()
    except SettingsError as problems:
        return wrong_settings(str(problems), "commands")
    return side_by_side(
        ("store", lambda: examine_store(settings, clock, set())),
        ("broker", lambda: examine_broker(settings)),
        ("workers", lambda: _workers(settings)),
        ("traffic", lambda: traffic(settings)),
    )


def examine_servers(clock: Clock, problems: Problems) -> list[Finding]:
    """Store and broker alone, where the other settings are wrong."""
    try:
        settings = StoreSettings()
    except SettingsError:
        return []  # among the findings about the settings
    return _servers(settings, clock, problems)


def rights(problems: Iterable[AccessProblem]) -> list[Finding]:
    """Missing rights of the servers' users. If a server refuses us altogether, the checks of store and broker say why."""
    return [
        error("rights", Kind.RIGHTS_MISSING, variable=one.variable, missing=", ".join(one.missing), grant=one.grant)
        for one in problems
        if one.missing
    ]


def wrong_settings(problems: str, processes: str) -> list[Finding]:
    """The lines of a ``SettingsError``, with which no process of this kind starts."""
    return [error("settings", Kind.SETTINGS_WRONG, reason=line, processes=processes) for line in problems.splitlines()]


def traffic(settings: OperatorSettings) -> list[Finding]:
    """Findings about what waits, and who takes it. A store that does not answer is a finding of another check."""
    # Sinks have a check of their own, and the file that names them may be wrong.
    operations = replace(Operations.wire(settings), apps=lambda: Apps({}))
    try:
        return list(examine_traffic(StatusOverview.read(operations)))
    except StoreUnavailable:
        return []


def _enqueuing(settings: ProducerSettings) -> list[Finding]:
    return [
        *checked("keys", lambda: keys({"SMSRELAY_NUMBER_KEYS": settings.number_keys}, real=False)),
        *checked("keys", lambda: payload_keys(settings.payload_keys, real=False)),
        *checked("templates", lambda: registry(settings)),
        *only_to(settings.only_to_numbers),
    ]


def _servers(settings: StoreSettings, clock: Clock, problems: Problems) -> list[Finding]:
    return side_by_side(
        ("store", lambda: examine_store(settings, clock, set())),
        ("broker", lambda: examine_broker(settings)),
        ("rights", lambda: rights(problems(settings))),
    )


def _workers(settings: StoreSettings) -> list[Finding]:
    """Findings about live workers. A store that does not answer is a finding of another check."""
    redis = open_store(settings.store, 2)
    try:
        return examine_workers(WorkerRegistry(redis).processes())
    except StoreUnavailable:
        return []
    finally:
        redis.close()
