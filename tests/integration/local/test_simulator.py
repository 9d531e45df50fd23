"""The simulator as a process: started, used by its URL, stopped."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.simulator_client import Simulator
from tests.support.simulator_process import running_simulator
from tests.support.simulator_rig import RECIPIENT, Client, running_receiver, scripted
from tests.support.waiting import eventually


def test_a_submit_that_fails_once_is_reported_and_recorded_from_end_to_end():
    with (
        running_simulator(report_delay=0.01) as simulator,
        running_receiver() as receiver,
        requests.Session() as session,
    ):
        session.trust_env = False
        client = Client(session, simulator.url, receiver.url)
        simulator.script(RECIPIENT, scripted("throttled_429", "503", "200"))
        assert [client.send().status_code for _ in range(2)] == [429, 200]
        eventually(lambda: receiver.codes() == [503])
        client.send()
        eventually(lambda: receiver.codes() == [503, 200])
        assert [record.outcome for record in simulator.submits()] == ["throttled", "accepted", "accepted"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_when_it_is_ready_and_stops_on_a_signal(number: signal.Signals):
    command = [sys.executable, "-m", "smsrelay_simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("simulator on http://127.0.0.1:")
        with Simulator(line.removeprefix("simulator on ").strip()) as simulator:
            assert simulator.stats().submits == 0
            process.send_signal(number)
            process.wait(10)
        assert process.stdout.read() == process.stderr.read() == ""


def test_it_stops_even_while_a_client_waits_for_an_answer():
    with ThreadPoolExecutor() as threads, requests.Session() as session:
        session.trust_env = False
        with running_simulator() as simulator:
            simulator.default(scripted("timeout_after+never"))
            waiting = threads.submit(Client(session, simulator.url, "").send, timeout=50)
            eventually(simulator.submits)
            assert not waiting.done()
        assert eventually(waiting.done)


def test_a_port_in_use_ends_it_with_an_error():
    with running_simulator() as simulator:
        port = simulator.url.rpartition(":")[2]
        command = [sys.executable, "-m", "smsrelay_simulator", "--port", port]
        second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert second.returncode != 0
        assert "address already in use" in second.stderr
        assert "simulator on" not in second.stdout


def test_a_port_that_is_none_is_refused():
    command = [sys.executable, "-m", "smsrelay_simulator", "--port", "99999"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "between 0 and 65535" in refused.stderr


def test_a_key_without_its_secret_is_refused():
    command = [sys.executable, "-m", "smsrelay_simulator", "--app-key", "k"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert refused.returncode == 2
    assert "--app-key and --app-secret have to be given together" in refused.stderr
