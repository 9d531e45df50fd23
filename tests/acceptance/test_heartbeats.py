"""A process of a worker that stands still is replaced, one that only waits is left alone, and the probe tells them apart."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.local.stack import free_port
from tests.support.forked_command import run_command
from tests.support.processes import PARENT, TOGETHER, pids
from tests.support.relay_process import ROOT, RelayProcess, a_recipient, running_relay
from tests.support.second_worker import BACK, FIRST, SECOND, frozen, kill, starts_of
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

_KILLED, _RESTARTED = "worker process without heartbeat, killed", "worker process exited, restarting it"
_SLOW = {"submits": [{"delay": 2, "reports": [{"code": 200, "after": 5}]}]}
_MONKEY = ("-m", "gevent.monkey", "--no-os", "--no-signal", "--no-subprocess")
_IMPATIENT = str(ROOT / "tests" / "support" / "impatient_worker.py")


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    folder = tmp_path_factory.mktemp("heartbeats")
    with running_relay(folder / "relay", settings={"TMPDIR": str(folder)}) as running:
        eventually(lambda: starts_of(running, "worker") == 1, "the worker is ready", BACK)
        yield running


def test_a_frozen_process_is_replaced_and_what_it_had_begun_is_submitted_once(relay: RelayProcess) -> None:
    with frozen(relay, FIRST), impatient_worker(relay, "marketing,status", frozen=4, stuck=60) as second:
        [child] = pids(relay.data, f"[{Lane.MARKETING.queue}]", SECOND)
        to, message_id = relay.scripted(_SLOW, Lane.MARKETING)
        eventually(lambda: relay.simulator.submits(to), "its submit is under way")
        os.kill(child, signal.SIGSTOP)
        eventually(lambda: starts_of(relay, "worker2") == 3, "it is replaced", BACK)
        record = relay.wait_state(message_id, State.DELIVERED, BACK)
        assert (record.attempt, len(relay.simulator.submits(to))) == (1, 1)
        relay.wait_state(relay.send(a_recipient(), Lane.MARKETING), State.DELIVERED, BACK)
        [killed] = told(relay.data / "worker2.log", _KILLED)
        assert (killed["queue"], killed["pid"], killed["part"]) == (Lane.MARKETING.queue, child, "process")
        assert second.poll() is None
    assert told(relay.data / "worker.log", _KILLED) == []


def test_a_whole_worker_that_stood_still_goes_on_with_the_same_processes(relay: RelayProcess) -> None:
    before = pids(relay.data, TOGETHER, FIRST)
    eventually(lambda: probe(relay, "--ready").returncode == 0, "the probe finds it well")
    with frozen(relay, FIRST):
        silent = eventually(lambda: found if (found := probe(relay)).returncode else None, "the probe finds it frozen", BACK)
        assert [line.split(": ")[1] for line in silent.stderr.splitlines()] == ["the parent", "sms.*"]
        [parent] = pids(relay.data, PARENT, FIRST)
        assert f"worker ({parent}): sms.*: no heartbeat for " in silent.stderr
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED, BACK)
    assert pids(relay.data, TOGETHER, FIRST) == before
    assert told(relay.data / "worker.log", _KILLED) == []
    eventually(lambda: probe(relay, "--ready").returncode == 0, "the probe finds it well")


def test_a_consumer_that_hangs_in_a_living_process_is_replaced(relay: RelayProcess) -> None:
    with impatient_worker(relay, "marketing", frozen=60, stuck=4, wait=False, STUCK_CONSUMER="yes"):
        log = relay.data / "worker2.log"
        eventually(lambda: [one for one in told(log, _KILLED) if one["part"] == "consumer"], "it is killed", BACK)


def test_a_worker_without_a_broker_waits_for_it_and_is_alive_but_not_ready(relay: RelayProcess, tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    settings = {"TMPDIR": str(tmp_path), "SMSRELAY_BROKER_URL": url, "SMSRELAY_STORE_URL": url}
    ready, killed = starts_of(relay, "worker2"), len(told(relay.data / "worker2.log", _KILLED))
    with impatient_worker(relay, "marketing", frozen=10, stuck=10, wait=False, **settings) as second:
        log = relay.data / "worker2.log"
        eventually(lambda: probe(relay, **settings).returncode == 0, "it is alive", BACK)
        eventually(lambda: log.read_text("utf-8").count("Cannot connect to") > 8, "it tries for longer than its patience", BACK)
        assert (probe(relay, **settings).returncode, probe(relay, "--ready", **settings).returncode) == (0, 1)
        with running_valkey(port, tmp_path / "valkey"):
            eventually(lambda: starts_of(relay, "worker2") == ready + 1, "it is ready", BACK)
            eventually(lambda: probe(relay, "--ready", **settings).returncode == 0, "the probe says so")
        assert second.poll() is None
    assert len(told(log, _KILLED)) == killed
    assert probe(relay, **settings).stderr == "no worker of this user runs on this host\n"


def probe(relay: RelayProcess, *options: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return run_command(("probe", *options), {**relay.environment, **settings})


@contextlib.contextmanager
def impatient_worker(
    relay: RelayProcess, queues: str, *, frozen: float, stuck: float, wait: bool = True, **settings: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A second worker, of these queues; ``wait``: until it is ready."""
    command = [sys.executable, "-P", *_MONKEY, _IMPATIENT, "--name", "worker2", "--queues", queues]
    environment = {**relay.environment, "SECONDS_FROZEN": str(frozen), "SECONDS_STUCK": str(stuck), **settings}
    ready = starts_of(relay, "worker2") + len(queues.split(","))
    with (relay.data / "worker2.log").open("ab") as log:
        second = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        if wait:
            eventually(lambda: starts_of(relay, "worker2") == ready, "the second worker is ready", BACK)
        yield second
    finally:
        kill(relay, second)


def told(log: Path, event: str) -> list[dict[str, object]]:
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if f'"{event}"' in line]
