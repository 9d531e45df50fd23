"""Keys apart, and changed while everything runs: real receiver, worker, vendor and app."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from smsrelay import Enqueuer, ProducerSettings
from smsrelay.contract.callback_token import CallbackToken, token_from_path
from smsrelay.contract.job import SendJob
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from tests.support.callback_path import Broker, Process, Receiver
from tests.support.forked_command import run_command
from tests.support.guide_report import guide_report
from tests.support.relay_process import RelayProcess, a_code, a_recipient, clean_environment
from tests.support.shortened_policy import write_shortened_policy
from tests.support.simulator_client import JsonScript, Simulator
from tests.support.simulator_process import running_simulator
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

NUMBER_KEY = "a key that numbers are hashed with"
OLD, NEW = "an old key that signs callbacks", "a new key that signs callbacks"
PATIENT = "0.3,0.5,0.5,0.5,0.5,1,1,1,1,2,2,2,4,4,8,8"  # seconds between tries of a callback: a restart takes a while
AN_APP = """
from smsrelay import Enqueuer, ProducerSettings, SendJob
settings = ProducerSettings()
with Enqueuer.connect(settings) as enqueuer:
    job = SendJob(to="13900001234", template="0000000", params=["4711"], lane="otp", reference="of-the-app")
    print(enqueuer.enqueue(job).message_id)
"""


@dataclass
class Relay:
    """A relay whose processes a test restarts with other keys."""

    folder: Path
    broker: Broker
    simulator: Simulator
    receiver: Receiver
    worker: Process
    enqueuer: Enqueuer
    sent: list[str] = field(default_factory=list)

    def restart_receiver(self, callback_keys: str) -> None:
        self.receiver.process.stop()
        self.receiver.process.environment["SMSRELAY_CALLBACK_KEYS"] = callback_keys
        self.receiver.start()

    def restart_worker(self, callback_keys: str) -> None:
        self.worker.stop()
        self.worker.environment["SMSRELAY_CALLBACK_KEYS"] = callback_keys
        starts = self._starts()
        self.worker.start()
        eventually(lambda: self._starts() > starts, "the worker is ready")

    def send(self, to: str | None = None) -> str:
        job = SendJob(to=to or a_recipient(), template="0000000", params=[a_code()], lane=Lane.OTP)
        self.sent.append(self.enqueuer.enqueue(job).message_id)
        return self.sent[-1]

    def submitted(self, script: JsonScript) -> tuple[str, str, str]:
        """A message that the vendor has: its id, external id and callback URL."""
        to = a_recipient()
        self.simulator.script(to, script)
        message_id = self.send(to)
        [submit] = eventually(lambda: self.simulator.submits(to), "it is submitted")
        return message_id, submit.external_id, submit.callback_url

    def state(self, message_id: str) -> State:
        with open_store(StoreAddress(self.broker.url)) as client:
            return Record.decode(message_id, client.hgetall(KEYS.message(message_id))).state

    def doctor(self) -> str:
        """What the doctor says with the worker's settings."""
        environment = clean_environment() | self.worker.environment | {"COLUMNS": "300"}
        return run_command(("doctor",), environment, folder=self.folder).stdout

    @contextmanager
    def load(self) -> Iterator[None]:
        """Messages all the time, from an app in another thread."""
        over = threading.Event()

        def send() -> None:
            while not over.wait(0.05):
                self.send()

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()

    def _starts(self) -> int:
        return self.worker.log.read_text("utf-8", "replace").count(" ready.") if self.worker.log.exists() else 0


@pytest.fixture
def rotated(tmp_path: Path) -> Iterator[Relay]:
    """Started with the old callback key everywhere."""
    broker = Broker(tmp_path / "broker")
    broker.start()
    receiver = Receiver(broker.url, tmp_path / "spool", tmp_path / "receiver.log")
    with running_simulator(report_delay=0.05, callback_retries=PATIENT) as simulator:
        settings = {
            "BROKER_URL": broker.url,
            "STORE_URL": broker.url,
            "NUMBER_KEYS": NUMBER_KEY,
            "CALLBACK_URL": f"http://127.0.0.1:{receiver.port}",
            "APPCODE": "simulator",
            "VENDOR_URL": simulator.url,
            "VENDOR_INTL_URL": simulator.url,
            "POLICY": str(write_shortened_policy(tmp_path / "policy.toml")),
        }
        command = [sys.executable, "-m", "smsrelay_worker", "worker", "--together"]
        environment = {f"SMSRELAY_{name}": value for name, value in settings.items()}
        worker = Process(command, environment, tmp_path / "worker.log")
        app = ProducerSettings(_env_file=None, broker_url=broker.url, store_url=broker.url, number_keys=NUMBER_KEY)
        with Enqueuer.connect(app) as enqueuer:
            relay = Relay(tmp_path, broker, simulator, receiver, worker, enqueuer)
            try:
                relay.restart_receiver(OLD)
                relay.restart_worker(OLD)
                yield relay
            finally:
                worker.stop()
                receiver.close()
                broker.process.kill()


def test_the_callback_key_is_changed_under_load_and_no_report_is_lost(rotated: Relay) -> None:
    waiting, external_id, url = rotated.submitted({"submits": ["never"]})
    _, late_id, late_url = rotated.submitted({"submits": ["never"]})
    assert "other SMSRELAY_CALLBACK_KEYS" not in rotated.doctor()
    with rotated.load():
        rotated.restart_receiver(f"{NEW},{OLD}")
        rotated.restart_worker(f"{NEW},{OLD}")
        assert rotated.simulator.callback(url, guide_report(200)(external_id)) == 200
        eventually(lambda: rotated.state(waiting) is State.DELIVERED, "a report under the old key is applied")
        _, _, new_url = rotated.submitted({"submits": ["never"]})
        assert token_from_path(KeyRing(NEW.encode()), urlsplit(new_url).path) is not None
    loaded = [message_id for message_id in rotated.sent if rotated.state(message_id) is not State.DELIVERED]
    eventually(lambda: sum(rotated.state(one) is not State.DELIVERED for one in loaded) == 2, "all but two never reported")
    assert 404 not in {callback.http for callback in rotated.simulator.callbacks()}
    rotated.restart_receiver(NEW)
    rotated.restart_worker(NEW)
    assert rotated.simulator.callback(late_url, guide_report(200)(late_id)) == 404
    assert rotated.simulator.callback(new_url, "{}") == 200


def test_the_doctor_finds_a_worker_whose_key_the_receiver_does_not_know(rotated: Relay) -> None:
    rotated.worker.environment["SMSRELAY_CALLBACK_KEYS"] = f"{NEW},{OLD}"
    assert "other SMSRELAY_CALLBACK_KEYS" in rotated.doctor()
    assert "the workers and this environment differ in SMSRELAY_CALLBACK_KEYS" in rotated.doctor()
    rotated.restart_receiver(f"{NEW},{OLD}")
    rotated.restart_worker(f"{NEW},{OLD}")
    assert "SMSRELAY_CALLBACK_KEYS" not in rotated.doctor()


def test_what_an_app_holds_signs_no_callback(relay: RelayProcess, tmp_path: Path) -> None:
    names = ("SMSRELAY_BROKER_URL", "SMSRELAY_STORE_URL", "SMSRELAY_NUMBER_KEYS")
    held = {name: relay.environment[name] for name in names}
    command, environment = [sys.executable, "-c", AN_APP], {"PATH": os.environ["PATH"], **held}
    app = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    message_id = app.stdout.strip()
    relay.wait_final(message_id)
    receiver = relay.environment["SMSRELAY_CALLBACK_URL"]
    forged = [CallbackToken(message_id, 1).path(KeyRing(key.encode())) for value in held.values() for key in value.split(",")]
    assert [relay.simulator.callback(receiver + path, "{}") for path in forged] == [404] * 3
    assert relay.simulator.callback(receiver + CallbackToken(message_id, 1).path(relay.callback_keys), "{}") == 200
