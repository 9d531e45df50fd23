"""Runs a worker with two observers that record which tasks its processes hold.

Started as ``smsrelay worker`` starts ``processes.main``. Takes a worker's environment and the folder CHAOS_HELD. Each process
writes a file named by its pid, with one line per task received (``ms + task ids``) or ended (``ms - task``). Lines are written
immediately, so the file of a killed process still shows what it held. The product itself is unchanged.
"""

import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from celery.signals import task_postrun, task_received

from smsrelay_worker.processes.main import main


@lru_cache
def _file(pid: int) -> TextIO:
    """The file of this process itself: its parent has observed nothing yet when it forks."""
    return (Path(os.environ["CHAOS_HELD"]) / str(pid)).open("a", buffering=1, encoding="ascii")


def _now() -> int:
    return time.time_ns() // 1_000_000


def _received(request: Any, **_: Any) -> None:
    _, named = request.args  # as worker.envelope wraps a task's arguments
    ids = named.get("ids") or ()
    _file(os.getpid()).write(f"{_now()} + {request.id} {','.join(ids)}\n")


def _over(task_id: str, **_: Any) -> None:
    _file(os.getpid()).write(f"{_now()} - {task_id}\n")


if __name__ == "__main__":
    task_received.connect(_received, weak=False)
    task_postrun.connect(_over, weak=False)
    main(prog_name="smsrelay worker")
