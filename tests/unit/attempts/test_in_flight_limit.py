"""InFlightLimit: no more places than there are, several at once for who wants several, and all of them back in the end."""

import threading

from smsrelay_worker.attempts.in_flight_limit import InFlightLimit
from tests.support.waiting import eventually

PATIENCE = 40.0  # seconds; a shared machine may stand still for many of them


def test_places_are_taken_as_far_as_they_go() -> None:
    limit = InFlightLimit(3)
    assert [limit.acquire(2, 0), limit.acquire(2, 0), limit.acquire(1, 0)] == [2, 1, 0]


def test_places_that_are_released_can_be_acquired_by_others() -> None:
    limit = InFlightLimit(2)
    assert limit.acquire(2, 0) == 2
    limit.release(1)
    assert [limit.acquire(5, 0), limit.acquire(1, 0)] == [1, 0]


def test_one_place_is_enough_for_a_caller_that_wants_one() -> None:
    limit = InFlightLimit(1)
    assert [limit.acquire(1, 0), limit.acquire(1, 0)] == [1, 0]
    limit.release(1)
    assert limit.acquire(1, 0) == 1


def test_one_who_waits_gets_the_place_that_comes_free() -> None:
    limit, taken = InFlightLimit(1), list[int]()
    limit.acquire(1, 0)
    waiting = threading.Thread(target=lambda: taken.append(limit.acquire(1, PATIENCE)))
    waiting.start()
    limit.release(1)
    waiting.join()
    assert taken == [1]


def test_who_waits_behind_another_goes_on_after_him() -> None:
    limit, taken = InFlightLimit(1), list[int]()
    limit.acquire(1, 0)
    waiting = [threading.Thread(target=lambda: taken.append(limit.acquire(1, PATIENCE))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    limit.release(1)
    eventually(lambda: len(taken) == 1, "one of them has the place")
    limit.release(1)
    for thread in waiting:
        thread.join()
    assert taken == [1, 1]


def test_many_at_once_never_hold_more_than_there_is_and_leave_it_all() -> None:
    limit, lock = InFlightLimit(7), threading.Lock()
    held, most, had = 0, 0, 0

    def work(wanted: int) -> None:
        nonlocal held, most, had
        for _ in range(30):
            taken = limit.acquire(wanted, PATIENCE)
            with lock:
                held, had = held + taken, had + taken
                most = max(most, held)
            with lock:
                held -= taken
            limit.release(taken)

    threads = [threading.Thread(target=work, args=(wanted,)) for wanted in (1, 1, 2, 5, 7, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 7
    assert had >= 6 * 30  # each was given at least one each time
    assert limit.acquire(100, 0) == 7
