import subprocess
import sys
import threading

from redis import Redis

from producers import keys
from worker.limit import Limit, Slot


def test_slots_are_spaced_by_the_rate_on_the_stores_clock(redis: Redis) -> None:
    waits: list[float] = []
    limit = Limit(redis, rate=50, sleep=waits.append)
    assert [limit.acquire(5) for _ in range(11)] == [Slot.GRANTED] * 11
    # Nobody really slept, so the eleventh slot lies ten intervals ahead, less what the calls themselves took.
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[-1] <= 10 / 50


def test_all_processes_share_one_rate(redis: Redis, valkey_url: str) -> None:
    script = (
        "import sys, time\nfrom producers.connection import open_store\nfrom worker.limit import Limit\n"
        "limit = Limit(open_store(sys.argv[1]), 100)\n"
        "for _ in range(50):\n    limit.acquire(30)\n    print(time.time())\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", script, valkey_url], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    instants = sorted(float(line) for worker in workers for line in worker.communicate()[0].split())
    assert len(instants) == 200
    # 200 slots at 100 a second take two seconds whoever takes them; a process that wakes late only makes it longer.
    assert instants[-1] - instants[0] >= 199 / 100 - 0.1


def test_a_slot_too_far_away_is_not_reserved(redis: Redis) -> None:
    limit = Limit(redis, rate=1, sleep=lambda _: None)
    assert limit.acquire(5) is Slot.GRANTED
    assert limit.acquire(5) is Slot.GRANTED
    before = redis.get(keys.RATE)
    assert limit.acquire(0.0) is Slot.LATE
    assert redis.get(keys.RATE) == before


def test_a_pause_holds_everybody(redis: Redis) -> None:
    Limit(redis, rate=1000).pause(30)
    assert Limit(redis, rate=1000, sleep=lambda _: None).acquire(1) is Slot.LATE


def test_halted_means_nobody_until_somebody_resumes(redis: Redis) -> None:
    limit, other = Limit(redis, 100), Limit(redis, 100)
    limit.halt("A403")
    limit.halt("B403MQ")
    assert other.acquire(1) is Slot.HALTED
    halted = other.halted()
    assert halted is not None
    assert halted.code == "A403"
    assert other.resume()
    assert not other.resume()
    assert limit.acquire(1) is Slot.GRANTED


def test_threads_of_one_process_share_the_rate_too(redis: Redis) -> None:
    waits: list[float] = []
    limit = Limit(redis, rate=1000, sleep=waits.append)
    threads = [threading.Thread(target=limit.acquire, args=(5,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slots = int(redis.get(keys.RATE) or 0)
    assert len(waits) == 20
    assert slots > 0
