"""Redis calls a message, counted by a proxy between the worker and Redis: those of the limiter, and all of them."""

import json
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from smsrelay.contract.lanes import Lane
from smsrelay_worker.local.stack import free_port
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import Process, clean_environment, python
from tests.bench.result import Figure, Target
from tests.bench.sides import RelaySide, fill_together, listens

_RATE = 1000


def measure(conditions: Conditions) -> list[Figure]:
    """At a thousand a second, one worker process, bulk."""
    runs = [spent_a_message(conditions, RelaySide()) for _ in range(conditions.runs)]
    note = f"rate {_RATE}/s, reached {min(run['messages per second'] for run in runs):,.0f}/s"
    names = [name for name, _ in sum(map(Counter, runs), Counter()).most_common() if "messages" not in name]
    most = "; ".join(
        f"{runs[-1][name]:.2f} {name}" for name in names if name not in {"all", "limiter", "sent"} and runs[-1][name] >= 0.02
    )
    return [
        Figure(
            "limiter's Redis calls a message", "", [run["limiter"] for run in runs], target=Target("value", most=0.2), note=note
        ),
        Figure("all Redis commands a message, from wake-up to submitted", "", [run["all"] for run in runs], note=most),
        Figure("writes to Redis's connections a message (about its round trips)", "", [run["sent"] for run in runs]),
    ]


def spent_a_message(conditions: Conditions, side: RelaySide) -> dict[str, float]:
    """Commands by name, ``all`` of them, those of the ``limiter`` and writes (``sent``) a message; and messages per second."""
    seconds = 3.0 if conditions.quick else 8.0
    side = replace(side, rate=_RATE)
    with a_ground(conditions) as ground:
        fill_together(side, ground, "bulk", int(_RATE * (seconds + 4)))
        port, path = free_port(), ground.folder / "counts.json"
        command = python("-m", "tests.bench.counter", str(port), str(ground.redis_port), str(path))
        counter = ground.processes.start("counter", command, clean_environment())
        ground.processes.wait(counter, lambda: listens(port), "it listens")
        worker = side.start_worker(ground, [Lane.MARKETING], redis_port=port)
        ground.processes.wait(worker, lambda: side.ready(worker), "it is ready")
        ground.processes.wait(worker, lambda: ground.vendor.arrived() >= _RATE, "its start is over")
        before, arrived = _counts(ground, counter, path), ground.vendor.arrived()
        time.sleep(seconds)
        after, messages = _counts(ground, counter, path), ground.vendor.arrived() - arrived
    spent = {name: (after[name] - before[name]) / messages for name in after}
    every = sum(count for name, count in spent.items() if name != "sent")
    limiter = sum(count for name, count in spent.items() if name.startswith("rate "))
    return spent | {"all": every, "limiter": limiter, "messages per second": messages / seconds}


def _counts(ground: Ground, counter: Process, path: Path) -> Counter[str]:
    path.unlink(missing_ok=True)
    counter.popen.send_signal(signal.SIGUSR1)
    ground.processes.wait(counter, lambda: path.exists() and path.stat().st_size > 0, "it tells its counts")
    return Counter(json.loads(path.read_text("utf-8")))
