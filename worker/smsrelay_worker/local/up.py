"""``smsrelay up``: the whole relay on this machine until Ctrl-C.

Broker, worker, receiver, Flower and simulator run as real processes, and the API and the console if asked for. Their URLs are
printed once all are ready, and an ``env`` file in the data folder lets commands in other terminals use them.
"""

import ipaddress
import os
import shlex
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import click

from smsrelay.broker.publisher import Publisher
from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.secret_files import SUFFIX, given, read_files
from smsrelay.servers.failover.primary import finder
from smsrelay.servers.failover.primary_unknown import PrimaryUnknown
from smsrelay.servers.redis_address import RedisAddress
from smsrelay.servers.url import named_hosts
from smsrelay.settings import SettingsError, env_file
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.local.stack import Stack, StackFailed
from smsrelay_worker.operations.doctor.old_names import old_names_in
from smsrelay_worker.operations.doctor.settings import callback_url, is_real
from smsrelay_worker.settings import ConsoleSettings, FlowerSettings, WorkerSettings
from smsrelay_worker.wiring import Relay

_PORT = click.IntRange(1, 65535)


@click.command()
@click.option("--simulator/--no-simulator", default=True, help="Simulate the vendor, or submit to the real one.")
@click.option(
    "--data", type=click.Path(path_type=Path), default=Path(".smsrelay"), show_default=True, help="Folder for data and logs."
)
@click.option("--api", is_flag=True, help="Start the HTTP API, too.")
@click.option("--console", is_flag=True, help="Start the operator's web page, too; there things can also be changed.")
@click.option("--broker-port", type=_PORT, default=Ports.broker, show_default=True, help="Port of the broker that it starts.")
@click.option("--receiver-port", type=_PORT, default=Ports.receiver, show_default=True, help="Port of the receiver.")
@click.option("--flower-port", type=_PORT, default=Ports.flower, show_default=True, help="Port of Flower.")
@click.option("--simulator-port", type=_PORT, default=Ports.simulator, show_default=True, help="Port of the simulated vendor.")
@click.option("--api-port", type=_PORT, default=Ports.api, show_default=True, help="Port of the HTTP API.")
@click.option("--console-port", type=_PORT, default=Ports.console, show_default=True, help="Port of the console.")
def up(simulator: bool, data: Path, api: bool, console: bool, **ports: int) -> None:
    """Run the whole relay on this machine until Ctrl-C."""
    chosen = Ports(**{name.removesuffix("_port"): port for name, port in ports.items()})
    relay = LocalRelay(data, chosen, simulator, api=api, console=console)
    with cli_errors():
        users = users_environment()
        environment = relay.environment(users)
        os.environ.update(environment)
        for name in WorkerSettings.secrets():
            os.environ.pop(name + SUFFIX, None)  # its content is there by now
        settings = _valid_settings(relay)
        if simulator:
            _refuse_remote_servers(settings)
        if "SMSRELAY_BROKER_URL" in users and not _answers(settings):
            raise InvalidInput("the broker in SMSRELAY_BROKER_URL does not answer; without that variable `up` starts its own")
    _write_env(data / "env", environment)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the terminal was closed
        signal.signal(number, lambda *_: stopped.set())
    stack = Stack(relay.parts(users), data, environment)
    try:
        with stack.running(stopped.is_set):
            if problem := old_names_in(settings):
                raise InvalidInput(problem)
            if not stopped.is_set():
                click.echo(announcement(relay, settings, users))
            while not stopped.wait(1) and not stack.ended():
                continue
            click.echo("stopping; the worker first finishes what it has submitted …")
    except StackFailed as error:
        raise InvalidInput(str(error)) from None


def users_environment() -> dict[str, str]:
    """The variables that are set and not empty, in the environment or else in the ``.env`` file; secrets by value, also those
    that are given by file. Raises ``SettingsError``."""
    everything = (*env_file().items(), *os.environ.items())
    named_by_file = {name + SUFFIX for name in WorkerSettings.secrets()}
    files = read_files(WorkerSettings.secrets(), given(os.environ, env_file()))
    if files.problems:
        raise SettingsError("\n".join(files.problems.values()))
    return {name: value for name, value in everything if value and name not in named_by_file} | files.values


def _valid_settings(relay: LocalRelay) -> WorkerSettings:
    """The settings, after checking that every part can start with them: one that exits at once would be restarted for ever."""
    settings = WorkerSettings()
    FlowerSettings()
    if relay.console:
        ConsoleSettings()
    Relay.wire(settings)
    return settings


def _refuse_remote_servers(settings: WorkerSettings) -> None:
    """Raises ``InvalidInput`` if broker or store are on another host, where other people's real jobs may be."""
    for name, url in (("SMSRELAY_BROKER_URL", settings.broker_url), ("SMSRELAY_STORE_URL", settings.store_url)):
        if not all(map(_is_local, [*named_hosts(url), *_primary_host(url)])):
            raise InvalidInput(
                f"{name} names another host. With the simulator on, `up` refuses a remote broker or store: "
                f"real jobs would be marked delivered without being sent. Use --no-simulator, or unset {name}."
            )


def _primary_host(url: str) -> list[str]:
    """The host of the primary that local sentinels or nodes name, if they know one."""
    if not url.startswith(("sentinel://", "cluster://")):
        return []
    try:
        return [finder(asked).find().host] if (asked := RedisAddress.of(url).primary) else []
    except PrimaryUnknown:
        return []


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answers(settings: WorkerSettings) -> bool:
    with Publisher(settings.broker_url, 1) as publisher:
        return publisher.reachable()


def _write_env(path: Path, environment: Mapping[str, str]) -> None:
    """Write the variables that another shell needs to use this relay, readable by the owner alone."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    named = {name: value for name, value in environment.items() if name.startswith("SMSRELAY_")}
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(named.items())), encoding="utf-8")


def announcement(relay: LocalRelay, settings: WorkerSettings, given: Mapping[str, str]) -> str:
    """What is printed once everything runs: URLs, and whatever would keep the vendor's reports from arriving."""
    ports = relay.ports
    lines = [
        f"receiver   http://127.0.0.1:{ports.receiver}",
        f"Flower     http://127.0.0.1:{ports.flower}  {_login(relay, 'flower', given)}",
        *([f"API        http://127.0.0.1:{ports.api}  a key for it: smsrelay key create APP"] if relay.api else ()),
        *([f"console    http://127.0.0.1:{ports.console}  {_login(relay, 'console', given)}"] if relay.console else ()),
        f"logs       {relay.data}/*.log",
    ]
    if relay.simulator:
        lines.insert(0, f"simulator  http://127.0.0.1:{ports.simulator}/control/submits")
    if relay.simulator and "SMSRELAY_LIMITS" not in given:
        lines.append("limits     none: the simulator texts nobody, so it gets marketing at any hour, and messages to any country")
    if relay.simulator and "SMSRELAY_BROKER_URL" in given:
        lines.append("broker     as in SMSRELAY_BROKER_URL: whatever is queued there goes to the simulator")
    lines.append(f"commands   in another terminal: set -a; . {relay.data / 'env'}; set +a   then: smsrelay send …")
    findings = [] if relay.simulator else callback_url(settings.callback_url, is_real(settings))
    lines += [f"{one.severity.value:<11}{one.problem} → {one.remedy}" for one in findings]
    return "\n".join(["running; Ctrl-C stops everything", *lines])


def _login(relay: LocalRelay, page: str, given: Mapping[str, str]) -> str:
    """Who gets into Flower or the console."""
    variable = f"SMSRELAY_{page.upper()}_AUTH"
    if variable in given:
        return f"user and password as in {variable}"
    if page == "console" and "SMSRELAY_CONSOLE_USER_HEADER" in given:
        return "whom the proxy names in the header of SMSRELAY_CONSOLE_USER_HEADER"
    return f"user admin, password in {relay.data / f'{page}-password'}"
