"""A measurement that ends, however it ends, leaves no process behind."""

import os
from pathlib import Path

import pytest

from tests.bench.processes import PartFailed, Processes, clean_environment, python

_PARENT = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"
)


def test_children_of_children_end_with_the_context(tmp_path: Path) -> None:
    groups: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path, groups)
    assert _group_size(groups[0]) == 0


def test_a_part_that_ends_is_named_with_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        part = processes.start("part", python("-c", "raise SystemExit(7)"), clean_environment())
        with pytest.raises(PartFailed, match=r"part ended with 7; see .*part\.log"):
            processes.wait(part, lambda: False, "it is ready")


def _interrupted(folder: Path, groups: list[int]) -> None:
    with Processes(folder) as processes:
        parent = processes.start("parent", python("-c", _PARENT), clean_environment())
        groups.append(parent.popen.pid)
        processes.wait(parent, lambda: _group_size(parent.popen.pid) == 2, "its child runs")
        raise KeyboardInterrupt


def _group_size(group: int) -> int:
    return sum(_group_of(int(entry.name)) == group for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _group_of(pid: int) -> int:
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
        return 0 if state == "Z" else os.getpgid(pid)  # one that ended and is not yet collected by init is gone
    except OSError:
        return 0
