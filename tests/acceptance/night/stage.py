"""The stage of a night: a relay as real processes, metrics, console, and a Prometheus with the alerts on a test's clock.

The worker of codes and the receiver are started apart from the rest, as an operator does, so that they can be missing. Takes a
folder; everything ends with the context.
"""

import html
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.store.connection import open_store
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.local.stack import Part, Stack, free_port
from smsrelay_worker.wiring import Relay
from tests.support.console_process import Visitor, running_console
from tests.support.hastened_rules import hastened
from tests.support.processes import parent_of
from tests.support.prometheus import Prometheus, running_prometheus
from tests.support.relay_process import (
    ROOT,
    SMSRELAY,
    TEMPLATE,
    RelayProcess,
    a_code,
    a_recipient,
    clean_environment,
    settings_of,
)
from tests.support.shortened_policy import write_shortened_policy
from tests.support.simulator_client import Simulator
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, app_with_webhook, webhook_receiver

WORKER = ("worker", "--name", "codes", "--queues", "otp")
CAPPED_TEMPLATE = "0000009"
ENDPOINT = "/bank"  # of the app bank
LIMITS = f"""
version = 1
countries = "any"

[[cap]]
name = "one-a-minute"
count = 1
window = "60s"
templates = ["{CAPPED_TEMPLATE}"]

[[fuse]]
app = "shop"
country = "852"
per_day = 2
zone = "Etc/UTC"
"""
_REPEATED = ",".join(["2"] * 20)  # s between the simulator's tries of a callback
_STOP = 120.0
_TEXT_LIMIT = 1500


@dataclass
class Night:
    """A running relay with who watches it. ``began``: epoch seconds."""

    relay: RelayProcess
    prometheus: Prometheus
    webhooks: WebhookReceiver
    console: Visitor
    began: float
    _receiver: tuple[str, ...]
    _by_hand: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, *arguments: str) -> None:
        """Run ``smsrelay`` with these arguments beside everything else."""
        with (self.relay.data / f"{arguments[0]}-by-hand.log").open("ab") as log:
            command = [str(SMSRELAY), *arguments]
            self._by_hand[arguments[0]] = subprocess.Popen(
                command, env=dict(self.relay.environment), cwd=ROOT, stdout=log, stderr=log
            )

    def start_worker(self) -> None:
        """The worker of codes; it is up when the relay knows of it."""
        self.start(*WORKER)
        self.takes_codes()

    def takes_codes(self) -> None:
        """Wait until the relay knows of the worker of codes."""
        eventually(lambda: self._value('smsrelay_workers{queue="sms.otp"}') > 0, "a worker takes codes")

    def start_receiver(self) -> None:
        """The receiver; it is up when it has been heard of."""
        self.start(*self._receiver)
        heard = "time() - max(smsrelay_receiver_last_seen_timestamp_seconds)"
        eventually(lambda: self.prometheus.query(f"{heard} < 5"), "a receiver is heard of")

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End what was started last under this name."""
        process = self._by_hand.pop(name)
        process.send_signal(number)
        process.wait(_STOP)

    def end_all(self) -> None:
        for name in list(self._by_hand):
            self.end(name)

    @contextmanager
    def without_redis(self) -> Iterator[None]:
        """Redis ends, and who would start it again is held up until the context ends; writes that it answered are on its disk."""
        server = int(self.relay.redis.info("server")["process_id"])
        supervisor = parent_of(server)
        os.kill(supervisor, signal.SIGSTOP)
        try:
            os.kill(server, signal.SIGTERM)
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)

    def many(self, count: int, lane: Lane = Lane.NOTICE, **fields: object) -> list[str]:
        """Ids of so many messages, each to a new number."""
        jobs = [
            SendJob.model_validate({"to": a_recipient(), "template": TEMPLATE, "params": [a_code()], "lane": lane} | fields)
            for _ in range(count)
        ]
        return [one.message_id for one in self.relay.relay.enqueuer.enqueue_all(jobs)]

    def delivered(self, *message_ids: str) -> None:
        for message_id in message_ids:
            self.relay.wait_state(message_id, State.DELIVERED)

    def fires(self, alert: str, **labels: str) -> None:
        """Wait until the alert fires, in words that name what they are about."""
        eventually(lambda: self.prometheus.firing(alert, **labels), f"{alert} fires")
        said = [one["annotations"] for one in self.prometheus.alerts() if one["labels"]["alertname"] == alert]
        assert not any("<error" in text or "no value" in text for texts in said for text in texts.values()), said

    def resolves(self, alert: str, **labels: str) -> None:
        """Wait until the alert is over."""
        eventually(lambda: not self.prometheus.firing(alert, **labels), f"{alert} is over")

    def says(self, command: str, *words: str) -> None:
        """Wait until a command's output holds all the words."""
        said: list[str] = []

        def holds() -> bool:
            ran = self.relay.cli(*command.split())
            said[:] = [ran.stdout + ran.stderr]
            return all(word in said[0] for word in words)

        try:
            eventually(holds, f"`smsrelay {command}` says {words}")
        except AssertionError as late:
            late.add_note(said[0][:_TEXT_LIMIT])
            raise

    def shows(self, *words: str, page: str = "/") -> None:
        """Wait until a page of the console holds all the words; by default the one on how things stand now."""
        eventually(lambda: all(word in self.text(page) for word in words), f"the console's page {page} shows {words}")

    def text(self, page: str) -> str:
        """A page of the console without its markup."""
        return html.unescape(re.sub(r"<[^>]+>", "", self.console.get(page).text))

    def run(self, command: str, stdin: str | None = None) -> str:
        """What a command that succeeds prints."""
        ran = self.relay.cli(*command.split(), stdin=stdin)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def _value(self, expression: str) -> float:
        found = self.prometheus.query(expression)
        return float(found[0]["value"][1]) if found else 0.0


@contextmanager
def staged(folder: Path) -> Iterator[Night]:
    """Start everything, and stop it in the end."""
    ports = Ports(free_port(), free_port(), free_port(), free_port())
    desk = LocalRelay(folder / "relay", ports, report_delay=0.1)
    with ExitStack() as open_:
        webhooks = open_.enter_context(webhook_receiver())
        given = clean_environment() | _settings(folder, webhooks.url)
        environment = desk.environment(given)
        metrics = _metrics()
        open_.enter_context(Stack((*_parts(desk, given), metrics), desk.data, environment).running())
        simulator = open_.enter_context(Simulator(f"http://127.0.0.1:{ports.simulator}"))
        relay = Relay.wire(settings_of(environment))
        open_.callback(relay.enqueuer.close)
        redis = open_.enter_context(open_store(settings_of(environment).store))
        running = RelayProcess(desk.data, environment, relay, simulator, redis)
        target = metrics.url.removeprefix("http://")
        prometheus = open_.enter_context(running_prometheus(folder / "prometheus", hastened(), target))
        console = open_.enter_context(running_console(environment, desk.data / "console.log")).operator()
        receiver = ("receiver", "--port", str(ports.receiver))
        night = Night(running, prometheus, webhooks, console, time.time(), receiver)
        open_.callback(night.end_all)
        night.start(*WORKER)
        night.start_receiver()
        night.takes_codes()
        yield night


def _settings(folder: Path, webhooks: str) -> Mapping[str, str]:
    limits, apps = folder / "limits.toml", folder / "apps.toml"
    limits.write_text(LIMITS, "utf-8")
    apps.write_text(app_with_webhook("shop", f"{webhooks}/shop") + app_with_webhook("bank", f"{webhooks}{ENDPOINT}"), "utf-8")
    return {
        "SMSRELAY_POLICY": str(write_shortened_policy(folder / "policy.toml")),
        "SMSRELAY_LIMITS": str(limits),
        "SMSRELAY_APPS": str(apps),
        "SMSRELAY_READ_TIMEOUT": "6",
        "SMSRELAY_WAIT_BOUND_OTP": "5",  # as short as the hastened alerts
        "SMSRELAY_HALT_PROBE": "0",  # who is paged ends a halt, and no test submit
        "PYTHONPATH": os.pathsep.join([str(ROOT)]),
    }


def _parts(desk: LocalRelay, given: Mapping[str, str]) -> list[Part]:
    """Broker, simulator, and a worker for all queues but that of codes."""
    more = {
        "broker": (),
        "simulator": ("--callback-retries", _REPEATED),
        "worker": ("--name", "rest", "--queues", "notice,marketing,status,outcome", "--together"),
    }
    return [replace(part, command=(*part.command, *more[part.name])) for part in desk.parts(given) if part.name in more]


def _metrics() -> Part:
    port = free_port()
    command = (sys.executable, "-P", "-m", "smsrelay_worker", "metrics", "--port", str(port))
    return Part("metrics", command, port=port, ready_path="/metrics")
