"""InFlightLimit in every order in which its threads can take their steps: no place is lost, no thread waits beside a free one."""

import math
from collections.abc import Sequence
from functools import partial

import pytest

from smsrelay_worker.attempts import in_flight_limit
from smsrelay_worker.attempts.in_flight_limit import InFlightLimit
from tests.support.schedules import Check, CooperativeCondition, CooperativeLock, Schedule, every_schedule


class Guests:
    """Threads that take places, for as long as it takes, and leave them one by one."""

    def __init__(self, schedule: Schedule, places: int, patience: float) -> None:
        self.schedule = schedule
        self.places, self.patience = places, patience
        self.limit = InFlightLimit(places, CooperativeCondition(schedule), CooperativeLock(schedule))
        self.held = 0
        self.taken: list[int] = []

    def come(self, wanted: Sequence[int]) -> None:
        for one in wanted:
            self.schedule.start(partial(self.stay, one))

    def stay(self, wanted: int) -> None:
        taken = self.limit.acquire(wanted, self.patience)
        self.held += taken
        assert self.held <= self.places
        assert taken <= wanted
        self.taken.append(taken)
        for _ in range(taken):
            self.held -= 1
            self.limit.release(1)

    def all_is_free(self) -> None:
        assert self.limit.acquire(self.places + 1, 0) == self.places


@pytest.mark.parametrize(("places", "wanted"), [(1, (1, 1, 1)), (2, (2, 2, 1)), (8, (8, 8))], ids=str)
def test_who_waits_for_ever_gets_a_place_and_all_come_back(places: int, wanted: Sequence[int]) -> None:
    def scene(schedule: Schedule) -> Check:
        guests = Guests(schedule, places, math.inf)
        guests.come(wanted)

        def check() -> None:
            assert min(guests.taken) >= 1
            guests.all_is_free()

        return check

    assert every_schedule(scene, preemptions=1) > 20


@pytest.mark.parametrize(("places", "wanted"), [(1, (1, 1)), (4, (4, 2))], ids=str)
def test_who_gives_up_loses_no_place(places: int, wanted: Sequence[int]) -> None:
    def scene(schedule: Schedule) -> Check:
        guests = Guests(schedule, places, 1.0)
        guests.come(wanted)
        return guests.all_is_free

    assert every_schedule(scene, preemptions=1, lines_of=[in_flight_limit]) > 20
