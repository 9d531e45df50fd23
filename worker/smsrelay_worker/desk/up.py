"""The stack at a desk: which parts it has, with which settings, and ``smsrelay up``.

Enters: the environment and a few options. Leaves: broker, worker, receiver, Flower and simulator as real processes, their URLs on
standard output. What the environment does not name gets a value for a desk: an embedded broker, the simulator as vendor, secrets
made once and kept in the data folder, readable by its owner alone.
"""

import ipaddress
import os
import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from smsrelay.broker.publisher import Publisher
from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.servers.broker_address import is_rabbitmq
from smsrelay.settings import env_file
from smsrelay_worker.desk.stack import Part, Stack, StackFailed
from smsrelay_worker.operations.doctor.doctor import callback, is_real
from smsrelay_worker.settings import FlowerSettings, WorkerSettings
from smsrelay_worker.wiring import Relay

_PORT = click.IntRange(1, 65535)
_SMSRELAY = (sys.executable, "-P", "-m", "smsrelay_worker")  # -P: the working folder is an app's
_LONGEST_WORKER_STOP = 109  # seconds; more than a worker allows its own processes (WorkerSettings.stop_within)


@dataclass(frozen=True)
class Ports:
    """Where the parts listen on 127.0.0.1."""

    broker: int = 6390
    receiver: int = 8025
    flower: int = 5555
    simulator: int = 9100


@dataclass(frozen=True, slots=True)
class Desk:
    """One stack at a desk."""

    data: Path
    ports: Ports
    simulator: bool = True
    report_delay: float = 0.2  # seconds, of the simulator

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """The environment of every part: what is given, and a desk's values for the rest."""
        desk = {
            "SMSRELAY_DATA": str(self.data),
            "SMSRELAY_SECRET": self._kept("secret"),
            "SMSRELAY_FLOWER_AUTH": "admin:" + self._kept("flower-password"),
            "SMSRELAY_BROKER_URL": f"redis://127.0.0.1:{self.ports.broker}/0",
            "SMSRELAY_STORE_URL": self._store_url(given),
            "SMSRELAY_CALLBACK_URL": f"http://127.0.0.1:{self.ports.receiver}",
        }
        if self.simulator:
            vendor = f"http://127.0.0.1:{self.ports.simulator}"
            played = {"SMSRELAY_VENDOR_URL": vendor, "SMSRELAY_VENDOR_INTL_URL": vendor, "SMSRELAY_APPCODE": "simulator"}
            # Reports that are played go to our own receiver, never to the public one that an .env file names.
            return {**desk, **given, **played, "SMSRELAY_CALLBACK_URL": desk["SMSRELAY_CALLBACK_URL"]}
        return {**desk, **given}

    def parts(self, given: Mapping[str, str]) -> tuple[Part, ...]:
        """The processes in the order of their start."""
        ports, parts = self.ports, []
        if self._embeds(given):
            embedded = (
                sys.executable,
                "-P",
                "-m",
                "smsrelay_worker.desk.embedded_valkey",
                str(ports.broker),
                str(self.data.resolve() / "broker"),
            )
            parts.append(Part("broker", embedded, port=ports.broker))
        if self.simulator:
            options = ("--port", str(ports.simulator), "--report-delay", str(self.report_delay))
            played = (*_SMSRELAY, "simulator", *options)
            parts.append(Part("simulator", played, port=ports.simulator, ready_path="/control/stats"))
        parts += [
            Part("receiver", (*_SMSRELAY, "receiver", "--port", str(ports.receiver)), 15, ports.receiver, "/readyz"),
            Part("worker", (*_SMSRELAY, "worker"), _LONGEST_WORKER_STOP),
            Part("flower", (*_SMSRELAY, "flower", "--port", str(ports.flower)), port=ports.flower, ready_path="/healthcheck"),
        ]
        return tuple(parts)

    def _store_url(self, given: Mapping[str, str]) -> str:
        """The store is where the broker is, unless that is RabbitMQ, which stores nothing."""
        return f"redis://127.0.0.1:{self.ports.broker}/0" if self._embeds(given) else given["SMSRELAY_BROKER_URL"]

    def _embeds(self, given: Mapping[str, str]) -> bool:
        """Whether a part needs the embedded server; one that somebody named always wins over it."""
        broker = given.get("SMSRELAY_BROKER_URL")
        return broker is None or (is_rabbitmq(broker) and "SMSRELAY_STORE_URL" not in given)

    def _kept(self, name: str) -> str:
        """A secret of this desk, made at its first use."""
        path = self.data / name
        if not path.exists():
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16), encoding="ascii")
        return path.read_text(encoding="ascii")


@click.command()
@click.option("--simulator/--no-simulator", default=True, help="Play the vendor, or submit to the real one of the settings.")
@click.option(
    "--data", type=click.Path(path_type=Path), default=Path(".smsrelay"), show_default=True, help="Folder for data and logs."
)
@click.option("--broker-port", type=_PORT, default=Ports.broker, show_default=True)
@click.option("--receiver-port", type=_PORT, default=Ports.receiver, show_default=True)
@click.option("--flower-port", type=_PORT, default=Ports.flower, show_default=True)
@click.option("--simulator-port", type=_PORT, default=Ports.simulator, show_default=True)
def up(simulator: bool, data: Path, **ports: int) -> None:
    """Run the whole relay at a desk until Ctrl-C."""
    chosen = Ports(**{name.removesuffix("_port"): port for name, port in ports.items()})
    desk = Desk(data, chosen, simulator)
    given = named_by_the_user()
    environment = desk.environment(given)
    os.environ.update(environment)
    with cli_errors():
        settings = _checked()
        if simulator:
            _refuse_to_play_with(settings)
        if "SMSRELAY_BROKER_URL" in given and not _answers(settings):
            raise InvalidInput(
                "the broker that SMSRELAY_BROKER_URL names does not answer; without that variable `up` brings its own"
            )
    _write_env(data / "env", environment)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last: its terminal was closed
        signal.signal(number, lambda *_: stopped.set())
    stack = Stack(desk.parts(given), data, environment)
    try:
        with stack.running():
            click.echo(announcement(desk, settings, given))
            while not stopped.wait(1) and not stack.ended():
                continue
            click.echo("stopping: the worker first finishes what it has submitted …")
    except StackFailed as error:
        raise InvalidInput(str(error)) from None


def named_by_the_user() -> dict[str, str]:
    """The environment, with the ``.env`` file behind it."""
    everything = (*env_file().items(), *os.environ.items())
    return {name: value for name, value in everything if value}


def _checked() -> WorkerSettings:
    """The settings, when every part starts with them: one that ends at once would be started again for ever."""
    settings = WorkerSettings()
    FlowerSettings()
    Relay.wire(settings)
    return settings


def _refuse_to_play_with(settings: WorkerSettings) -> None:
    """Nobody's jobs but those of this host are played: they would be told to be delivered, and no SMS would have left."""
    for name, url in (("SMSRELAY_BROKER_URL", settings.broker_url), ("SMSRELAY_STORE_URL", settings.store_url)):
        if not _of_this_host(urlsplit(url).hostname or "localhost"):
            elsewhere = (
                f"{name} names another host, whose jobs the simulator would play: delivered, it would be said, and no SMS sent"
            )
            raise InvalidInput(f"{elsewhere}; take --no-simulator, or no {name}")


def _of_this_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answers(settings: WorkerSettings) -> bool:
    with Publisher(settings.broker_url, 1) as publisher:
        return publisher.reachable()


def _write_env(path: Path, environment: Mapping[str, str]) -> None:
    """What another shell needs to reach this stack, readable by its owner alone."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    named = {name: value for name, value in environment.items() if name.startswith("SMSRELAY_")}
    path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in sorted(named.items())), encoding="utf-8")


def announcement(desk: Desk, settings: WorkerSettings, given: Mapping[str, str]) -> str:
    """What a person is told once everything is up, and what keeps the vendor's reports from coming."""
    ports, named = desk.ports, "user and password as in SMSRELAY_FLOWER_AUTH"
    own = f"user admin, password in {desk.data / 'flower-password'}"
    lines = [
        f"receiver   http://127.0.0.1:{ports.receiver}",
        f"Flower     http://127.0.0.1:{ports.flower}  {named if 'SMSRELAY_FLOWER_AUTH' in given else own}",
        f"logs       {desk.data}/*.log",
    ]
    if desk.simulator:
        lines.insert(0, f"simulator  http://127.0.0.1:{ports.simulator}/control/submits")
    if desk.simulator and "SMSRELAY_BROKER_URL" in given:
        lines.append("broker     as in SMSRELAY_BROKER_URL: what waits there goes to the simulator")
    lines.append(f"elsewhere  set -a; . {desk.data / 'env'}; set +a   then: smsrelay send …")
    findings = [] if desk.simulator else callback(settings.callback_url, is_real(settings))
    lines += [f"{one.severity.value:<11}{one.problem} → {one.remedy}" for one in findings]
    return "\n".join(["up; Ctrl-C stops everything", *lines])
