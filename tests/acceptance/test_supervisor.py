"""``smsrelay worker`` as a supervisor with a process for each queue: any may be killed, and every signal means what it should."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smsrelay.broker.queues import QUEUES
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.contract.state import State
from tests.support.arrivals import each_arrived_once
from tests.support.processes import PARENT, children_of, kill_9, pids
from tests.support.relay_process import ROOT, TEMPLATE, RelayProcess, a_code, a_recipient, run_smsrelay, running_relay
from tests.support.second_worker import FIRST, SECOND, frozen, second_worker_started, starts_of
from tests.support.waiting import eventually

_BACK = 90.0  # seconds until everything goes on after a kill
_KILLED, _EXITED = "worker process did not stop in time, killed", "worker process exited"
_RESTARTED = "worker process exited, restarting it"
_SLOW = {"submits": [{"delay": 2, "reports": [{"code": 200, "after": 5}]}]}

# A supervisor whose only child exits at once, again and again, until the supervisor is stopped.
_SHORT_LIVED = """
from smsrelay import logs
from smsrelay_worker.processes.supervisor import Child, Supervisor
logs.set_up()
raise SystemExit(Supervisor([Child("short", lambda parent: 3)], 60, 60).run().name)
"""
# A supervisor whose child ignores signals and never exits; "by itself", it reports that it is stopping.
_STUCK = """
import signal, sys, threading, time
from smsrelay import logs
from smsrelay_worker.processes.supervisor import Child, Supervisor
logs.set_up()
def stuck(parent):
    for number in (signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    print("ready", flush=True)
    if sys.argv[1] == "by itself":
        parent.stopping()
    threading.Event().wait()
within = {"SIGTERM": (0.5, 600), "SIGQUIT": (600, 0.5), "by itself": (0.5, 600)}[sys.argv[1]]
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
Supervisor([Child("stuck", stuck)], *within).run()
"""
# Two children, one of which does not exit within 2 s. Prints the CPU seconds that the parent used meanwhile.
_ONE_STUCK = """
import signal, threading, time
from smsrelay import logs
from smsrelay_worker.processes.supervisor import Child, Supervisor
logs.set_up()
def stuck(parent):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    threading.Event().wait()
began = time.process_time()
Supervisor([Child("stuck", stuck), Child("ends", lambda _: threading.Event().wait())], 2.0, 2.0).run()
print(time.process_time() - began, flush=True)
"""
# A shell ignores these signals in background jobs, and a worker keeps ignored ones ignored; so restore them.
_WITH_DEFAULT_SIGNALS = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
_IMPORTED = """
import os, threading
import smsrelay_worker.app, smsrelay_worker.processes.main
kinds = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
print(threading.active_count(), sum(kind.startswith("socket:") for kind in kinds))
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("supervisor") / "relay", together=False) as running:
        eventually(lambda: _ready(running) == len(QUEUES), "every process is ready", _BACK)
        yield running


@pytest.mark.parametrize("lane", list(Lane))
def test_a_killed_process_is_restarted_and_what_it_had_begun_is_submitted_once(relay: RelayProcess, lane: Lane) -> None:
    to, message_id = relay.scripted(_SLOW, lane)
    eventually(lambda: relay.simulator.submits(to), "the submit is under way")
    killed = kill_9(relay.data, f"[{lane.queue}]")
    eventually(lambda: _other(relay, lane.queue, killed), "the parent replaced it", _BACK)
    record = relay.wait_state(message_id, State.DELIVERED, _BACK)
    assert (record.attempt, len(relay.simulator.submits(to))) == (1, 1)
    relay.wait_state(relay.send(a_recipient(), lane), State.DELIVERED, _BACK)


def test_reports_are_applied_after_the_process_that_applies_them_was_killed(relay: RelayProcess) -> None:
    killed = kill_9(relay.data, f"[{STATUS_QUEUE}]")
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED, _BACK)
    assert _other(relay, STATUS_QUEUE, killed)


def test_a_killed_parent_leaves_no_child_behind_and_everything_is_submitted_once(relay: RelayProcess) -> None:
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


def test_sighup_restarts_every_child_under_the_same_pid_of_the_parent(relay: RelayProcess) -> None:
    [parent] = pids(relay.data, PARENT)
    old = set(children_of(parent))
    os.kill(parent, signal.SIGHUP)

    def renewed() -> bool:
        return len(children_of(parent)) == len(QUEUES) and not old & set(children_of(parent))

    eventually(renewed, "five new processes of the same parent", _BACK)
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED, _BACK)
    assert pids(relay.data, PARENT) == [parent]


def test_a_worker_of_some_queues_starts_no_process_for_the_others(relay: RelayProcess) -> None:
    command = [sys.executable, "-m", "smsrelay_worker", "worker", "--name", "some", "--queues", "marketing,otp"]
    with subprocess.Popen(command, cwd=ROOT, env=dict(relay.environment), stderr=subprocess.PIPE, stdout=subprocess.PIPE) as some:
        eventually(lambda: len(children_of(some.pid)) == 2, "its processes are there")
        started = [pids(relay.data, f"[{queue}]", "--name some") for queue in QUEUES]
        eventually(lambda: b"ready" in _line(some), "one is ready", _BACK)
        some.terminate()
        some.communicate(timeout=_BACK)
    assert [len(found) for found in started] == [1, 0, 1, 0, 0]
    assert some.returncode == 0


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGQUIT], [signal.SIGINT, signal.SIGINT]],
    ids=["terminated", "quit", "interrupted twice"],
)
def test_an_idle_worker_stops_in_order_and_logs_only_json(relay: RelayProcess, signals: list[signal.Signals]) -> None:
    smsrelay = ("-m", "smsrelay_worker", "worker", "--name", "quick", "--queues", "marketing")
    command = [sys.executable, "-c", _WITH_DEFAULT_SIGNALS, *smsrelay]
    pipe, environment = subprocess.PIPE, dict(relay.environment)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=pipe, stdout=pipe) as quick:
        try:
            eventually(lambda: b" ready." in _line(quick), "it is ready", _BACK)
            for number in signals:
                quick.send_signal(number)
            printed, said = quick.communicate(timeout=_BACK)
        finally:
            quick.kill()
    assert quick.returncode == 0
    assert b"Unrecoverable" not in said
    lines = [json.loads(line) for line in said.splitlines()]
    assert "stopping: finishing what has begun, giving back the rest" in [line["event"] for line in lines]
    assert lines[-1] | {"event": "worker process exited", "code": 0} == lines[-1]
    assert printed == b"", "a log is on standard error"


def test_a_child_that_keeps_exiting_is_restarted_after_longer_and_longer_pauses() -> None:
    command = [sys.executable, "-c", _SHORT_LIVED]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as parent:
        told = [json.loads(_line(parent)) for _ in range(3)]
        parent.terminate()
        assert parent.communicate(timeout=_BACK)[1].count(b"restarting") <= 1
    assert [line["code"] for line in told] == [3, 3, 3]
    assert told[0]["pause"] < told[1]["pause"] < told[2]["pause"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT], ids=lambda number: number.name)
@pytest.mark.parametrize("frozen", [False, True], ids=["stuck", "frozen"])
def test_a_child_that_does_not_stop_is_killed_and_the_parent_exits(number: signal.Signals, frozen: bool) -> None:
    with _supervisor_of_a_stuck_child(number.name) as (parent, child):
        if frozen:
            os.kill(child, signal.SIGSTOP)
        parent.send_signal(number)
        told = [json.loads(line) for line in parent.communicate(timeout=_BACK)[1].splitlines()]
    assert parent.returncode == 0
    assert [(line["event"], line["queue"], line.get("code")) for line in told] == [
        (_KILLED, "stuck", None),
        (_EXITED, "stuck", -9),
    ]


def test_a_child_that_begins_to_stop_by_itself_and_does_not_exit_is_killed_and_restarted() -> None:
    with _supervisor_of_a_stuck_child("by itself") as (parent, child):
        told = [json.loads(_line(parent)) for _ in range(2)]
        assert [(line["event"], line["queue"]) for line in told] == [(_KILLED, "stuck"), (_RESTARTED, "stuck")]
        assert told[0]["pid"] == child
        eventually(lambda: children_of(parent.pid) not in ([], [child]), "another child is there")


def test_a_worker_stops_in_time_though_one_of_its_processes_is_frozen(relay: RelayProcess) -> None:
    with second_worker_started(relay, settings={"SMSRELAY_STOP_TIMEOUT": "3"}) as second:
        eventually(lambda: starts_of(relay, "worker2") >= len(QUEUES), "it is ready", _BACK)
        [child] = pids(relay.data, f"[{Lane.OTP.queue}]", SECOND)
        os.kill(child, signal.SIGSTOP)
        second.terminate()
        assert second.wait(_BACK) == 0
    assert Lane.OTP.queue in _killed(relay)  # on a slow machine the others may be, too


def test_a_process_stopped_by_a_stranger_during_an_endless_submit_is_restarted(relay: RelayProcess) -> None:
    lane, settings = Lane.MARKETING, {"SMSRELAY_STOP_TIMEOUT": "3", "SMSRELAY_READ_TIMEOUT": "600"}
    ready = starts_of(relay, "worker2") + 1
    with frozen(relay, FIRST), second_worker_started(relay, "--queues", "marketing", settings=settings):
        eventually(lambda: starts_of(relay, "worker2") == ready, "it is ready", _BACK)
        [child] = pids(relay.data, f"[{lane.queue}]", SECOND)
        to, message_id = relay.scripted({"submits": [{"answer": "timeout_after", "delay": 600}]}, lane)
        eventually(lambda: relay.simulator.submits(to), "its submit is under way")
        os.kill(child, signal.SIGTERM)
        eventually(lambda: starts_of(relay, "worker2") == ready + 1, "it is replaced", _BACK)
        assert child not in pids(relay.data, SECOND)
        assert relay.record(message_id).state is State.SUBMITTING, "its lease decides"
    assert _killed(relay)[-1] == lane.queue


@pytest.mark.parametrize("wrong", ["SMSRELAY_POLICY", "SMSRELAY_TEMPLATES"])
def test_an_invalid_file_ends_the_parent_before_it_forks(relay: RelayProcess, tmp_path: Path, wrong: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[[template]]\nid = 7\n", encoding="utf-8")
    ended = run_smsrelay(dict(relay.environment) | {wrong: str(file)}, "worker")
    assert (ended.returncode, "Traceback" in ended.stderr) == (78, False), ended.stderr
    assert "template" in ended.stderr


def test_an_unknown_queue_is_refused_by_name() -> None:
    ended = run_smsrelay(dict(os.environ), "worker", "--queues", "otp,codes")
    assert ended.returncode == 2
    assert "codes" in ended.stderr


def test_before_the_fork_there_is_no_connection_and_no_thread(relay: RelayProcess) -> None:
    command = [sys.executable, "-c", _IMPORTED]
    said = subprocess.run(
        command, cwd=ROOT, env=dict(relay.environment), capture_output=True, text=True, timeout=_BACK, check=True
    )
    assert said.stdout.split() == ["1", "0"]


def test_a_parent_that_waits_for_its_last_child_uses_no_cpu() -> None:
    with subprocess.Popen([sys.executable, "-c", _ONE_STUCK], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.terminate()
        assert float(parent.stdout.readline()) < 1.0, "it is busy while it waits"


@contextlib.contextmanager
def _supervisor_of_a_stuck_child(way: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """The parent, and the pid of its child once that is stuck."""
    command = [sys.executable, "-c", _STUCK, way]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == b"ready\n"
            [child] = children_of(parent.pid)
            yield parent, child
        finally:
            for pid in (parent.pid, *children_of(parent.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _killed(relay: RelayProcess) -> list[str]:
    """The queues whose process the second worker had to kill."""
    lines = (relay.data / "worker2.log").read_text("utf-8", "replace").splitlines()
    return [json.loads(line)["queue"] for line in lines if _KILLED in line]


def _job(lane: Lane) -> SendJob:
    return SendJob(to=a_recipient(), template=TEMPLATE, params=(a_code(),), lane=lane)


def _other(relay: RelayProcess, queue: str, killed: int) -> list[int]:
    return [pid for pid in pids(relay.data, f"[{queue}]", "--name worker") if pid != killed]


def _ready(relay: RelayProcess) -> int:
    return (relay.data / "worker.log").read_text("utf-8", "replace").count(" ready.")


def _line(process: "subprocess.Popen[Any]") -> bytes:
    assert process.stderr is not None
    return bytes(process.stderr.readline())
