"""``smsrelay worker`` as a parent with a process for each queue: any of them may be killed, and signals mean what they say."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from producers.broker import QUEUES
from producers.job import SendJob
from producers.lanes import STATUS_QUEUE, Lane
from producers.record import State
from tests.acceptance.arrivals import each_arrived_once
from tests.acceptance.processes import PARENT, children_of, kill_9, pids
from tests.acceptance.relay_process import ROOT, TEMPLATE, RelayProcess, a_code, a_recipient, run_smsrelay, running_relay
from tests.waiting import eventually

_BACK = 90.0  # seconds until everything goes on after a kill
_SLOW = {"submits": [{"delay": 2, "reports": [{"code": 200, "after": 5}]}]}

# A crew whose only child never lasts, until its parent is told to stop.
_SHORT_LIVED = """
from producers import logs
from worker.crew import Crew, Seat
logs.set_up()
raise SystemExit(Crew([Seat("short", lambda: 3)]).run().name)
"""
# Whoever runs the tests may have switched these off, as a shell does for what it starts in the background, and a worker obeys.
_HEARING = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
_IMPORTED = """
import os, threading
import worker.app, worker.process
kinds = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
print(threading.active_count(), sum(kind.startswith("socket:") for kind in kinds))
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("crew") / "relay", together=False) as running:
        eventually(lambda: _ready(running) == len(QUEUES), "every process is ready", _BACK)
        yield running


@pytest.mark.parametrize("lane", list(Lane))
def test_a_lanes_process_that_is_killed_is_replaced_and_what_it_had_begun_is_submitted_once(
    relay: RelayProcess, lane: Lane
) -> None:
    to, message_id = relay.scripted(_SLOW, lane)
    eventually(lambda: relay.simulator.submits(to), "the submit is under way")
    killed = kill_9(relay.data, f"[{lane.queue}]")
    eventually(lambda: _other(relay, lane.queue, killed), "the parent replaced it", _BACK)
    record = relay.wait_state(message_id, State.DELIVERED, _BACK)
    assert (record.attempt, len(relay.simulator.submits(to))) == (1, 1)
    relay.wait_state(relay.send(a_recipient(), lane), State.DELIVERED, _BACK)


def test_reports_are_applied_after_a_kill_of_the_process_that_applies_them(relay: RelayProcess) -> None:
    killed = kill_9(relay.data, f"[{STATUS_QUEUE}]")
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED, _BACK)
    assert _other(relay, STATUS_QUEUE, killed)


def test_a_killed_parent_leaves_no_worker_behind_and_everything_is_submitted_once(relay: RelayProcess) -> None:
    slow, id_of_slow = relay.scripted(_SLOW)
    eventually(lambda: relay.simulator.submits(slow), "a submit is under way")
    [parent] = pids(relay.data, PARENT)
    left = children_of(parent)
    jobs = [_job(list(Lane)[number % len(Lane)]) for number in range(60)]
    ids = [relay.relay.enqueuer.enqueue(job).message_id for job in jobs[:30]]
    os.kill(parent, signal.SIGKILL)
    ids += [relay.relay.enqueuer.enqueue(job).message_id for job in jobs[30:]]
    eventually(lambda: not set(left) & set(pids(relay.data, "--name worker")), "its processes ended by themselves", _BACK)
    each_arrived_once(relay, {id_of_slow: slow} | {one: job.to for one, job in zip(ids, jobs, strict=True)}, _BACK)
    [again] = pids(relay.data, PARENT)
    assert len(children_of(again)) == len(QUEUES)


def test_sighup_starts_everything_anew_under_the_same_parent(relay: RelayProcess) -> None:
    [parent] = pids(relay.data, PARENT)
    old = set(children_of(parent))
    os.kill(parent, signal.SIGHUP)

    def renewed() -> bool:
        return len(children_of(parent)) == len(QUEUES) and not old & set(children_of(parent))

    eventually(renewed, "four new processes of the same parent", _BACK)
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED, _BACK)
    assert pids(relay.data, PARENT) == [parent]


def test_a_worker_of_some_queues_starts_no_process_for_the_others(relay: RelayProcess) -> None:
    command = [sys.executable, "-m", "worker", "worker", "--name", "some", "--queues", "marketing,otp"]
    with subprocess.Popen(command, cwd=ROOT, env=dict(relay.environment), stderr=subprocess.PIPE, stdout=subprocess.PIPE) as some:
        eventually(lambda: len(children_of(some.pid)) == 2, "its processes are there")
        started = [pids(relay.data, f"[{queue}]", "--name some") for queue in QUEUES]
        eventually(lambda: b"ready" in _line(some), "one is ready", _BACK)
        some.terminate()
        some.communicate(timeout=_BACK)
    assert [len(found) for found in started] == [1, 0, 1, 0]
    assert some.returncode == 0


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGQUIT], [signal.SIGINT, signal.SIGINT]],
    ids=["terminated", "quit", "interrupted twice"],
)
def test_a_worker_with_empty_hands_ends_in_order_and_all_it_says_is_json(
    relay: RelayProcess, signals: list[signal.Signals]
) -> None:
    command = [sys.executable, "-c", _HEARING, "-m", "worker", "worker", "--name", "hurry", "--queues", "marketing"]
    pipe, environment = subprocess.PIPE, dict(relay.environment)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=pipe, stdout=pipe) as hurry:
        try:
            eventually(lambda: b" ready." in _line(hurry), "it is ready", _BACK)
            for number in signals:
                hurry.send_signal(number)
            printed, said = hurry.communicate(timeout=_BACK)
        finally:
            hurry.kill()
    assert hurry.returncode == 0
    assert b"Unrecoverable" not in said
    lines = [json.loads(line) for line in said.splitlines()]
    assert "told to stop: what is begun is finished, the rest is given back" in [line["event"] for line in lines]
    assert lines[-1] | {"event": "worker process ended", "code": 0} == lines[-1]
    assert printed == b"", "a log is on standard error"


def test_a_child_that_does_not_last_is_replaced_after_longer_and_longer_pauses() -> None:
    command = [sys.executable, "-c", _SHORT_LIVED]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as parent:
        told = [json.loads(_line(parent)) for _ in range(3)]
        parent.terminate()
        assert parent.communicate(timeout=_BACK)[1].count(b"replaced") <= 1
    assert [line["code"] for line in told] == [3, 3, 3]
    assert told[0]["pause"] < told[1]["pause"] < told[2]["pause"]


@pytest.mark.parametrize("wrong", ["SMSRELAY_POLICY", "SMSRELAY_TEMPLATES"])
def test_a_wrong_file_ends_the_parent_before_it_has_children(relay: RelayProcess, tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[[template]]\nid = 7\n", encoding="utf-8")
    ended = run_smsrelay(dict(relay.environment) | {wrong: str(file)}, "worker")
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False), ended.stderr
    assert "template" in ended.stderr


def test_an_unknown_queue_is_refused_by_name() -> None:
    ended = run_smsrelay(dict(os.environ), "worker", "--queues", "otp,codes")
    assert ended.returncode == 2
    assert "codes" in ended.stderr


def test_nothing_is_connected_and_no_thread_runs_before_the_fork(relay: RelayProcess) -> None:
    command = [sys.executable, "-c", _IMPORTED]
    said = subprocess.run(
        command, cwd=ROOT, env=dict(relay.environment), capture_output=True, text=True, timeout=_BACK, check=True
    )
    assert said.stdout.split() == ["1", "0"]


def _job(lane: Lane) -> SendJob:
    return SendJob(to=a_recipient(), template=TEMPLATE, params=(a_code(),), lane=lane)


def _other(relay: RelayProcess, queue: str, killed: int) -> list[int]:
    return [pid for pid in pids(relay.data, f"[{queue}]", "--name worker") if pid != killed]


def _ready(relay: RelayProcess) -> int:
    return (relay.data / "worker.log").read_text("utf-8", "replace").count(" ready.")


def _line(process: "subprocess.Popen[Any]") -> bytes:
    assert process.stderr is not None
    return bytes(process.stderr.readline())
