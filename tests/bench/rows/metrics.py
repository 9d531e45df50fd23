"""What a scrape of the metrics costs a worker: bulk throughput while ``smsrelay metrics`` is scraped every 5 s, beside none.

What is counted is counted in the scripts that run anyway, with or without a scrape; so the whole cost of counting is measured
against a checkout without it, by ``tests.bench.compare``.
"""

import statistics
import threading
import time
import urllib.request
from contextlib import ExitStack

from smsrelay.contract.lanes import Lane
from smsrelay_worker.local.stack import free_port
from tests.bench.ground import Conditions, Ground
from tests.bench.processes import python
from tests.bench.result import Figure, Target
from tests.bench.sides import RelaySide, listens
from tests.bench.turns import a_turn, ratios

_EVERY = 5.0  # seconds; each slice is as long, and has one scrape
_LEAST = Target("value", least=0.98)
_FASTEST = 1500  # a second, which the backlog has to last for


def measure(conditions: Conditions) -> list[Figure]:
    """Slices with a scrape and without, by turns; and how long a scrape takes."""
    slices, seconds = (2, 2.0) if conditions.quick else (8, _EVERY)
    count = int(_FASTEST * ((seconds + 0.3) * (slices + 1) + 2))
    side, plain, scraped = RelaySide(), [], []
    took: list[float] = []
    with ExitStack() as running:
        one, other = (running.enter_context(a_turn(conditions, side, "bulk", Lane.MARKETING, count)) for _ in range(2))
        port = _serve(side, other.ground)
        plain.append(one.slice(seconds).rate)
        for _ in range(slices):
            timer = threading.Timer(seconds / 2, lambda: took.append(_scrape(port)))
            timer.start()
            scraped.append(other.slice(seconds).rate)
            timer.join()
            plain.append(one.slice(seconds).rate)
    return [
        Figure("submitted per second, one worker process, bulk, scraped / not", "×", ratios(plain, scraped), None, _LEAST),
        Figure("a scrape of the metrics takes", "ms", [statistics.median(took)]),
    ]


def _serve(side: RelaySide, ground: Ground) -> int:
    port = free_port()
    command = python("-m", "smsrelay_worker", "metrics", "--port", str(port))
    process = ground.processes.start(ground.name("metrics"), command, side.environment(ground))
    ground.processes.wait(process, lambda: listens(port), "it listens")
    _scrape(port)  # the first one opens connections
    return port


def _scrape(port: int) -> float:
    started = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        answer.read()
    return 1000 * (time.perf_counter() - started)
