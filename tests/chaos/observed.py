"""The worker's Celery app with two observers, which write down what the process holds: ``celery -A tests.chaos.observed worker``.

Enters: the environment of a worker, and the file CHAOS_HELD. Leaves: a line for each task that was received (``ms + task ids``)
or is over (``ms - task``), written at once, so that a killed process leaves what it held behind. The product is unchanged.
"""

import os
import time
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_received

from worker.app import app

__all__ = ["app"]

_held = Path(os.environ["CHAOS_HELD"]).open("a", buffering=1, encoding="ascii")  # noqa: SIM115  open as long as the process


def _now() -> int:
    return time.time_ns() // 1_000_000


def _received(request: Any, **_: Any) -> None:
    ids = request.kwargs.get("ids") or ()
    _held.write(f"{_now()} + {request.id} {','.join(ids)}\n")


def _over(task_id: str, **_: Any) -> None:
    _held.write(f"{_now()} - {task_id}\n")


task_received.connect(_received, weak=False)
task_postrun.connect(_over, weak=False)
