"""What every stage has: workers, receivers, sinks and a simulator, restarted as by a service manager; and what is asked of them.

A subclass starts the parts and says how the store is reached past every fault, what is queued, and which receivers are not ready.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from smsrelay.settings import PREFIX
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.settings import WorkerSettings
from tests.chaos.sinks.parts import SinkParts
from tests.chaos.stage.grip import Grip, read_grips
from tests.chaos.stage.part import ROOT, Killed, Part
from tests.chaos.stage.receiving import reports_in
from tests.support.processes import PARENT, pids
from tests.support.simulator_client import Simulator

OBSERVED = "tests.chaos.stage.observed"
_SUPERVISE = 0.5  # seconds between checks for processes that exited by themselves
_READY = 120.0  # all processes start at once, perhaps on a busy machine
_COMMAND = 120.0  # seconds a command may take


class Ground:
    """The part of a stage that does not depend on where its servers run."""

    simulator: Simulator
    sinks: SinkParts

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended: Counter[str] = Counter()  # parts that ended by themselves
        self.workers: list[Part] = []
        self.receivers: list[Part] = []
        self._environment: dict[str, str] = {}
        self._stopping = threading.Event()
        self._held = folder / "held"
        self._held.mkdir(parents=True, exist_ok=True)

    def redis(self) -> StoreRedis:
        """The store itself, bypassing every fault."""
        raise NotImplementedError

    def queued(self) -> int:
        """Tasks queued at the broker or in progress."""
        raise NotImplementedError

    def unready(self) -> list[str]:
        """Receivers that report not ready."""
        raise NotImplementedError

    def parts(self) -> list[Part]:
        """Everything that is restarted when it ends by itself, in the order in which it is started."""
        raise NotImplementedError

    def settings(self) -> WorkerSettings:
        """Settings of an app on this stage."""
        ours = {name: value for name, value in self._environment.items() if name.startswith(PREFIX)}
        return WorkerSettings(_env_file=None, **{name.removeprefix(PREFIX).lower(): value for name, value in ours.items()})

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The output of an ``smsrelay`` command run on this stage."""
        given = [sys.executable, "-m", "smsrelay_worker", *arguments]
        return subprocess.run(
            given, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=_COMMAND, check=False
        )

    def spooled(self) -> int:
        """Reports spooled on the receivers' disks."""
        return sum(reports_in(self.folder / receiver.name) for receiver in self.receivers)

    def grips(self, kills: Sequence[Killed]) -> list[Grip]:
        """Every time a worker process had a message in hand."""
        ends = {kill.pid: kill.at for kill in kills}
        files = {int(path.name): path.read_text(encoding="ascii") for path in self._held.iterdir()}
        return [grip for pid, text in files.items() for grip in read_grips(text, ends.get(pid), pid)]

    def worker_processes(self) -> list[int]:
        """What works: every child of a worker's parent, and every one that has outlived its parent."""
        parents = set(pids(self.folder, OBSERVED, PARENT))
        return [pid for pid in pids(self.folder, OBSERVED) if pid not in parents]

    def stop_workers(self, within: float) -> dict[int, float | None]:
        """Tell every worker to stop; how long each of its processes took in seconds, or None."""
        started, waiting = time.monotonic(), set(self.worker_processes())
        stopping = [threading.Thread(target=worker.terminate, args=(within,)) for worker in self.workers]
        for thread in stopping:
            thread.start()
        took: dict[int, float | None] = dict.fromkeys(waiting)
        while waiting and (elapsed := time.monotonic() - started) < within:
            ended = waiting - set(self.worker_processes())
            took |= dict.fromkeys(ended, elapsed)
            waiting -= ended
            time.sleep(_SUPERVISE)
        for thread in stopping:
            thread.join()
        return took

    def _end_parts(self) -> None:
        self._stopping.set()
        for part in reversed(self.parts()):
            part.end()
        for pid in pids(self.folder, OBSERVED):  # their parents were killed
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, signal.SIGKILL)

    def _supervise(self) -> None:
        while not self._stopping.wait(_SUPERVISE):
            for part in self.parts():
                code = part.revive()
                if code is not None:
                    self.ended[f"{part.name} ended by itself with {code}"] += 1


def until(ready: Callable[[], bool], name: str, within: float = _READY) -> None:
    """Wait; raises ``RuntimeError`` when it is not ready within the seconds."""
    deadline = time.monotonic() + within
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} did not come up")
        time.sleep(0.05)
