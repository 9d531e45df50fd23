"""Several processes that use slots at once, and what came of it.

A machine that stands still wastes slots, and says nothing about the limiter. A stall is seen in two ways that the limiter has no
part in: this process, which only sleeps, woke 10 ms late or more, or a user woke more than 20 ms late for a slot it had.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis

_ROOT = Path(__file__).parents[2]
_RISING = 0.4  # seconds until all are under way
_OVERSLEPT = 0.010


@dataclass(frozen=True, slots=True)
class Measurement:
    """Slots used by all, on the store's clock."""

    used: Sequence[tuple[float, Lane]]
    calls: int  # of the limiter's scripts
    stalled: bool

    @property
    def busiest_second(self) -> int:
        """Most slots used within any second."""
        instants = [at for at, _ in self.used]
        first, most = 0, 0
        for last, at in enumerate(instants):
            while at - instants[first] >= 1.0:
                first += 1
            most = max(most, last - first + 1)
        return most

    @property
    def rate(self) -> float:
        """Slots used a second, from the first to the last."""
        return (len(self.used) - 1) / (self.used[-1][0] - self.used[0][0])

    @property
    def calls_per_slot(self) -> float:
        return self.calls / len(self.used)

    def share(self, lane: Lane) -> float:
        """Part of the slots that a lane used."""
        return sum(other is lane for _, other in self.used) / len(self.used)


class Crew:
    """Processes under command; as many as the largest measurement needs, started once."""

    def __init__(self, processes: Sequence["subprocess.Popen[str]"]) -> None:
        self._processes = processes

    def measure(
        self, redis: StoreRedis, url: str, rate: float, lanes: Sequence[Lane], seconds: float, threads: int = 4, chunk: int = 16
    ) -> Measurement:
        """Let one process for each of ``lanes`` use slots for so long; slots before all were under way do not count."""
        calls = _calls(redis)
        now, micros = redis.time()
        begin = int(now) + int(micros) / 1e6 + 0.1
        command = {"url": url, "rate": rate, "begin": begin, "end": begin + seconds, "threads": threads, "chunk": chunk}
        chosen = self._processes[: len(lanes)]
        with _watched() as overslept:
            for process, lane in zip(chosen, lanes, strict=True):
                assert process.stdin is not None
                process.stdin.write(json.dumps({**command, "lane": lane.value}) + "\n")
                process.stdin.flush()
            came = [_line(process) for process in chosen]
        used = sorted((at, Lane(one["lane"])) for one in came for at in one["used"])
        counted = [(at, lane) for at, lane in used if begin + _RISING <= at <= begin + seconds]
        stalled = bool(overslept) or any(one["void"] for one in came)
        return Measurement(counted, round((_calls(redis) - calls) * len(counted) / max(1, len(used))), stalled)


@contextlib.contextmanager
def running_crew(size: int) -> Iterator[Crew]:
    command = [sys.executable, "-m", "tests.support.slot_user"]
    with contextlib.ExitStack() as up:
        processes = [
            up.enter_context(
                subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
            )
            for _ in range(size)
        ]
        for process in processes:
            up.callback(process.kill)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield Crew(processes)


def _line(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def _calls(redis: StoreRedis) -> int:
    stats: Any = redis.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


@contextlib.contextmanager
def _watched() -> Iterator[list[float]]:
    """How late a thread woke that only sleeps, each time it was late."""
    overslept: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            before = time.monotonic()
            over.wait(0.005)
            if time.monotonic() - before > 0.005 + _OVERSLEPT:
                overslept.append(time.monotonic() - before)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield overslept
    finally:
        over.set()
        watching.join()
