"""Payload keys changed while everything runs, and a key that is gone: real workers, vendor and apps."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smsrelay import Enqueuer, ProducerSettings
from smsrelay.contract.job import SendJob
from smsrelay.contract.key_name import key_name
from smsrelay.contract.lanes import Lane
from smsrelay.contract.payload_cipher import sealed_by
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from tests.support.callback_path import Broker, Process
from tests.support.forked_command import run_command
from tests.support.relay_process import a_code, a_recipient, clean_environment
from tests.support.shortened_policy import write_shortened_policy
from tests.support.simulator_client import Simulator
from tests.support.simulator_process import running_simulator
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

NUMBER_KEY = "a key that numbers are hashed with"
OLD, NEW = "an old key that payloads are encrypted with", "a new key that payloads are encrypted with"
LIMITS = 'version = 1\ncountries = "any"\n'


@dataclass
class Relay:
    """Workers and apps whose payload keys a test changes. Nothing calls back: a message is submitted, or it waits."""

    folder: Path
    broker: Broker
    simulator: Simulator
    worker: Process
    sent: dict[str, str] = field(default_factory=dict)  # recipient by message

    def restart_worker(self, payload_keys: str) -> None:
        self.worker.stop()
        self.worker.environment["SMSRELAY_PAYLOAD_KEYS"] = payload_keys
        starts = self._starts()
        self.worker.start()
        eventually(lambda: self._starts() > starts, "the worker is ready")

    def send(self, payload_keys: str | None, amount: int = 1) -> list[str]:
        """Enqueue as an app with these keys does."""
        url = self.broker.url
        settings = ProducerSettings(
            _env_file=None, broker_url=url, store_url=url, number_keys=NUMBER_KEY, payload_keys=payload_keys
        )
        with Enqueuer.connect(settings) as enqueuer:
            ids = []
            for _ in range(amount):
                to = a_recipient()
                job = SendJob(to=to, template="0000000", params=[a_code()], lane=Lane.NOTICE)
                ids.append(enqueuer.enqueue(job).message_id)
                self.sent[ids[-1]] = to
        return ids

    def submitted(self, message_id: str) -> bool:
        return len(self.simulator.submits(self.sent[message_id])) == 1

    def record(self, message_id: str) -> Record:
        with self._client() as client:
            return Record.decode(message_id, client.hgetall(KEYS.message(message_id)))

    def sealed_by(self, message_id: str) -> str | None:
        with self._client() as client:
            return sealed_by(client.get(KEYS.payload(message_id)) or "")

    def command(self, *arguments: str, stdin: str = "", payload_keys: str = "") -> subprocess.CompletedProcess[str]:
        given = self.worker.environment | {"SMSRELAY_PAYLOAD_KEYS": payload_keys, "COLUMNS": "300"}
        return run_command(arguments, clean_environment() | given, folder=self.folder, given=stdin.encode())

    def doctor(self, payload_keys: str = "") -> list[str]:
        """What it finds about encryption and about workers that differ, with these keys."""
        told = json.loads(self.command("doctor", "--json", payload_keys=payload_keys).stdout)["findings"]
        return [f"{one['severity']}: {one['problem']}" for one in told if one["check"] in ("encryption", "workers")]

    def lines(self) -> list[str]:
        return self.worker.log.read_text("utf-8", "replace").splitlines()

    def _client(self) -> StoreRedis:
        return open_store(StoreAddress(self.broker.url))

    def _starts(self) -> int:
        return self.worker.log.read_text("utf-8", "replace").count(" ready.") if self.worker.log.exists() else 0


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """Nothing runs but broker and vendor."""
    with running_valkey_and_vendor(tmp_path) as (broker, simulator):
        (tmp_path / "limits.toml").write_text(LIMITS)
        settings = {
            "BROKER_URL": broker.url,
            "STORE_URL": broker.url,
            "NUMBER_KEYS": NUMBER_KEY,
            "CALLBACK_KEYS": "a key that signs callbacks",
            "APPCODE": "simulator",
            "VENDOR_URL": simulator.url,
            "VENDOR_INTL_URL": simulator.url,
            "LIMITS": str(tmp_path / "limits.toml"),
            "POLICY": str(write_shortened_policy(tmp_path / "policy.toml")),
        }
        command = [sys.executable, "-m", "smsrelay_worker", "worker", "--together"]
        environment = {f"SMSRELAY_{name}": value for name, value in settings.items()}
        relay = Relay(tmp_path, broker, simulator, Process(command, environment, tmp_path / "worker.log"))
        try:
            yield relay
        finally:
            relay.worker.stop()


@contextmanager
def running_valkey_and_vendor(folder: Path) -> Iterator[tuple[Broker, Simulator]]:
    broker = Broker(folder / "broker")
    broker.start()
    try:
        with running_simulator(report_delay=0.05) as simulator:
            yield broker, simulator
    finally:
        broker.process.kill()


def test_the_payload_key_is_changed_while_messages_wait_and_every_one_is_sent_once(relay: Relay) -> None:
    plain, under_old = relay.send(None, 3), relay.send(OLD, 20)
    assert {relay.sealed_by(one) for one in plain} == {None}
    assert {relay.sealed_by(one) for one in under_old} == {key_name(OLD.encode())}
    relay.restart_worker(f"{OLD},{NEW}")  # first the workers learn to open it; nobody writes with it yet
    under_new = relay.send(f"{NEW},{OLD}", 20)
    assert {relay.sealed_by(one) for one in under_new} <= {key_name(NEW.encode()), None}  # None: sent already
    eventually(lambda: all(map(relay.submitted, (*plain, *under_old, *under_new))), "each is submitted once")
    relay.restart_worker(NEW)  # none under the old key waits any more
    late = relay.send(NEW, 5)
    eventually(lambda: all(map(relay.submitted, late)), "the new key alone does")
    assert not any("payloads not opened" in line for line in relay.lines())


def test_a_key_that_was_dropped_too_early_loses_nothing_and_is_told(relay: Relay) -> None:
    under_old = relay.send(OLD, 3)
    relay.restart_worker(NEW)
    known = relay.send(NEW, 3)
    eventually(lambda: all(map(relay.submitted, known)), "the others are not held up")
    eventually(lambda: any("payloads not opened" in line for line in relay.lines()), "the log tells it")
    assert {relay.record(one).state for one in under_old} == {State.QUEUED}
    assert [one for one in under_old if relay.simulator.submits(relay.sent[one])] == []
    assert not any(relay.sent[one].removeprefix("+86") in line for one in under_old for line in relay.lines())

    told = relay.doctor(NEW)
    assert any(line.startswith("error: 3 of ") and key_name(OLD.encode()) in line for line in told), told
    assert any("differ in SMSRELAY_PAYLOAD_KEYS" in line for line in relay.doctor())
    shown = relay.command("show", under_old[0]).stdout
    assert f"encrypted with payload key {key_name(OLD.encode())}" in shown
    assert "no running worker" in shown

    relay.restart_worker(f"{NEW},{OLD}")
    eventually(lambda: all(map(relay.submitted, under_old)), "put back, it opens them: each is submitted once", 60)
    assert relay.doctor(f"{NEW},{OLD}") == []


def test_a_failed_message_is_forgotten_by_a_command_that_is_told_the_number_on_standard_input(relay: Relay) -> None:
    to = a_recipient()
    relay.simulator.script(to, {"submits": [{"answer": "vendor_code", "code": "i005", "message": "no"}]})
    relay.restart_worker(OLD)
    url = relay.broker.url
    settings = ProducerSettings(_env_file=None, broker_url=url, store_url=url, number_keys=NUMBER_KEY, payload_keys=OLD)
    with Enqueuer.connect(settings) as enqueuer:
        job = SendJob(to=to, template="0000000", params=[a_code()], lane=Lane.NOTICE)
        message_id = enqueuer.enqueue(job).message_id
    eventually(lambda: relay.record(message_id).state is State.FAILED, "it fails")
    assert "1 message(s) forgotten" in relay.command("forget", stdin=to).stdout
    assert relay.record(message_id).forgotten
    replayed = relay.command("dead", "replay", message_id)
    assert (replayed.returncode, "forgotten; its number and parameters are deleted" in replayed.stdout) == (1, True)
    refused = relay.command("forget", to)
    assert refused.returncode != 0
    assert to not in refused.stdout + refused.stderr
