"""Heartbeats between real processes: who writes them, who reads them, and what is left by whom."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smsrelay_worker.processes.heartbeats import Heartbeats, users_folder, workers

# Makes heartbeats, says so, and ends when its standard input does.
_WORKER = """
import sys
from smsrelay_worker.processes.heartbeats import Heartbeats
beats = Heartbeats.create(["worker", "sms.otp"])
beats.alive(0)
beats.turned(1, consuming=True)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@contextmanager
def running_worker() -> Iterator["subprocess.Popen[bytes]"]:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _WORKER], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_another_process_reads_what_a_living_one_wrote_and_nothing_of_a_dead_one() -> None:
    with running_worker() as process:
        [(pid, pulses)] = workers()
        assert (pid, [one.name for one in pulses]) == (process.pid, ["worker", "sms.otp"])
        assert pulses[0].alive_at > 0
        assert (pulses[1].turned_at > 0, pulses[1].consuming) == (True, True)
    assert list(workers()) == []
    assert list(users_folder().iterdir()), "it was killed and could not clean up"
    Heartbeats.create(["the next one"])
    assert [path.name for path in users_folder().iterdir()] == [f"{os.getpid()}"]


def test_a_childs_heartbeat_reaches_its_parent() -> None:
    beats = Heartbeats.create(["worker", "sms.otp"])
    child = os.fork()
    if child == 0:
        beats.turned(1, consuming=True)
        os._exit(0)
    os.waitpid(child, 0)
    assert beats.pulse(1).turned_at > 0
    beats.clear(1)
    assert beats.pulse(1).alive_at == beats.pulse(1).turned_at == 0


@pytest.mark.parametrize("mode", [0o777, None])
def test_a_folder_that_is_not_ours_alone_is_not_used(tmp_path: Path, mode: int | None) -> None:
    folder = tmp_path / "somebody's"
    if mode is None:
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(mode)
    beats = Heartbeats.create(["worker"], folder)
    beats.alive(0)
    assert beats.pulse(0).alive_at > 0, "it works, without the probe"
    assert list(folder.iterdir()) == []
    assert list(workers(folder)) == []


def test_without_a_place_for_the_file_heartbeats_work_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "file"))
    beats = Heartbeats.create(["worker"])
    beats.alive(0)
    assert beats.pulse(0).alive_at > 0
    assert list(workers()) == []
