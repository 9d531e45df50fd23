"""A process that uses slots as a worker would and reports when: one JSON line a command, on the store's clock.

Takes commands (JSON lines) on standard input: url, rate, lane, begin and end (seconds of the store's clock), threads, chunk.
Prints for each the instants at which slots were used, and how many were void because this process woke too late.
"""

import json
import sys
import threading
import time
from typing import Any

from smsrelay.contract.lanes import Lane
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay_worker.rate_limit.limiter import RateLimiter


def store_offset(redis: StoreRedis) -> float:
    """Monotonic seconds of this process minus the store's clock, by the quickest of some answers."""
    quickest: tuple[float, float] = (float("inf"), 0.0)
    for _ in range(30):
        asked = time.monotonic()
        seconds, micros = redis.time()
        answered = time.monotonic()
        quickest = min(quickest, (answered - asked, (asked + answered) / 2 - int(seconds) - int(micros) / 1e6))
    return quickest[1]


def use(url: str, rate: float, lane: str, begin: float, end: float, threads: int, chunk: int) -> dict[str, Any]:
    redis, looked = open_store(StoreAddress(url), threads + 2), threading.local()

    def clock() -> float:
        looked.at = time.monotonic()
        return float(looked.at)

    limiter, offset = RateLimiter(redis, rate, monotonic=clock), store_offset(redis)
    used: list[float] = []
    void: list[float] = []

    def run() -> None:
        time.sleep(max(0.0, begin + offset - time.monotonic()))
        while time.monotonic() < end + offset:
            for slot in limiter.acquire(Lane(lane), "0000000", [1] * chunk, 1.0).slots:
                time.sleep(max(0.0, slot.at - clock()))
                kept = clock() <= slot.until
                # The instant that it was judged by: a thread may stand still right behind it.
                (used if kept else void).append(looked.at - offset)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    redis.close()
    return {"lane": lane, "used": used, "void": len(void)}


if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(use(**json.loads(line))), flush=True)
