"""A measurement that ends, however it ends, leaves no process behind."""

from pathlib import Path

import pytest

from tests.bench.processes import Kin, PartFailed, Processes, clean_environment, family, python
from tests.support.waiting import eventually

_CHILD = "[sys.executable, '-c', 'import time; time.sleep(600)']"
_PARENT = f"import subprocess, sys, time; subprocess.Popen({_CHILD}, start_new_session=True); time.sleep(600)"


def test_children_end_with_the_context_even_in_sessions_of_their_own(tmp_path: Path) -> None:
    kin: set[Kin] = set()
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path, kin)
    eventually(lambda: not any(family(one.pid) & {one} for one in kin), "all of the family are gone")


def test_a_part_that_ends_is_named_with_its_log(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        part = processes.start("part", python("-c", "raise SystemExit(7)"), clean_environment())
        with pytest.raises(PartFailed, match=r"part ended with 7; see .*part\.log"):
            processes.wait(part, lambda: False, "it is ready")


def _interrupted(folder: Path, kin: set[Kin]) -> None:
    with Processes(folder) as processes:
        parent = processes.start("parent", python("-c", _PARENT), clean_environment())
        processes.wait(parent, lambda: len(family(parent.popen.pid)) == 2, "its child runs")
        kin |= family(parent.popen.pid)
        raise KeyboardInterrupt
