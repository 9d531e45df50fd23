"""SlotQueue, in every order in which its threads can take their steps: nobody waits in vain, and no slot is lost."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.rate_limit import slot_queue
from smsrelay_worker.rate_limit.pacing import PACING
from smsrelay_worker.rate_limit.slot import Grant, Refusal, Slot
from smsrelay_worker.rate_limit.slot_queue import Answer, Offer, SlotQueue
from smsrelay_worker.rate_limit.waiters import Ask
from tests.support.schedules import Check, CooperativeEvent, CooperativeLock, Schedule, every_schedule

PATIENCE = 0.2  # seconds
WAIT = 0.15
Reply = Callable[[Sequence[Ask]], Answer]


class Crowd:
    """Callers of one queue, and what became of each slot. The store answers by ``replies``, and then grants everything."""

    def __init__(self, schedule: Schedule, *replies: Reply, patience: float = PATIENCE) -> None:
        self.schedule = schedule
        self.patience = patience
        self.replies = list(replies)
        self.numbers = count(1)
        self.made: list[Slot] = []
        self.held: list[Slot] = []
        self.back: list[Slot] = []
        self.came: list[Grant | BaseException] = []
        self.asking = 0
        self.queue = SlotQueue(
            self.ask,
            self.give_back,
            PACING,
            monotonic=schedule.monotonic,
            lock=CooperativeLock(schedule),
            event=lambda: CooperativeEvent(schedule),
        )

    def ask(self, asks: Sequence[Ask]) -> Answer:
        self.asking += 1
        assert self.asking == 1, "two ask the store"
        self.schedule.pause()
        self.asking -= 1
        return (self.replies.pop(0) if self.replies else self.grant(100))(asks)

    def give_back(self, _: str, unused: Sequence[tuple[Slot, int]]) -> None:
        self.back += [slot for slot, _ in unused]

    def grant(self, at_most: int) -> Reply:
        """So many slots, and not soon again when that is not all."""

        def reply(asks: Sequence[Ask]) -> Answer:
            offers = []
            for ask in asks:
                slots = [Slot(0.0, 1.0, begins=float(next(self.numbers))) for _ in ask.costs[:at_most]]
                self.made += slots
                offers.append(Offer(slots, WAIT if len(slots) < len(ask.costs) else 0.0))
            return Answer(offers)

        return reply

    def probe(self, asks: Sequence[Ask]) -> Answer:
        """One slot, and everybody else is refused."""
        first = Slot(0.0, 1.0, probe=True, begins=float(next(self.numbers)))
        self.made.append(first)
        return Answer([Offer([first], 0.001), *(Offer([], 0.001) for _ in asks[1:])], refused=Grant((), Refusal.CIRCUIT))

    def come(self, callers: int, lanes: Sequence[Lane] = (Lane.OTP,)) -> None:
        for number in range(callers):
            self.schedule.start(partial(self.call, lanes[number % len(lanes)]))

    def call(self, lane: Lane) -> None:
        try:
            grant = self.queue.acquire(lane, "t", [1], self.patience)
        except (StoreUnavailable, ValueError) as failure:
            self.came.append(failure)
            return
        self.came.append(grant)
        self.held += grant.slots

    def each_came_back_and_no_slot_is_lost(self, callers: int) -> Check:
        def check() -> None:
            assert len(self.came) == callers
            assert sorted(self.held + self.back, key=lambda slot: slot.begins) == self.made
            assert not list(self.queue._waiters.all())

        return check


def away(_: Sequence[Ask]) -> Answer:
    raise StoreUnavailable("away")


def fails(_: Sequence[Ask]) -> Answer:
    raise ValueError("a failure of ours")


def refuses(_: Sequence[Ask]) -> Answer:
    return Answer(refused=Grant((), Refusal.HALTED))


@pytest.mark.parametrize("lanes", [(Lane.OTP,), (Lane.OTP, Lane.MARKETING)], ids=["one lane", "two lanes"])
@pytest.mark.parametrize("first", ["all", "none", "one", "probe", "away", "fails", "refuses"])
def test_everybody_comes_back_and_no_slot_is_lost(first: str, lanes: Sequence[Lane]) -> None:
    def scene(schedule: Schedule) -> Check:
        crowd = Crowd(schedule)
        replies: dict[str, Reply] = {
            "all": crowd.grant(100),
            "none": crowd.grant(0),
            "one": crowd.grant(1),
            "probe": crowd.probe,
            "away": away,
            "fails": fails,
            "refuses": refuses,
        }
        crowd.replies = [replies[first]]
        crowd.come(callers, lanes)
        return crowd.each_came_back_and_no_slot_is_lost(callers)

    callers = 3 if len(lanes) == 1 and first != "none" else 2
    assert every_schedule(scene, preemptions=4 - callers) > 50


@pytest.mark.parametrize("first", ["none", "one", "fails"])
def test_who_waits_for_ever_gets_a_slot_or_the_failure(first: str) -> None:
    def scene(schedule: Schedule) -> Check:
        crowd = Crowd(schedule, patience=math.inf)
        crowd.replies = [{"none": crowd.grant(0), "one": crowd.grant(1), "fails": fails}[first]]
        crowd.come(2, (Lane.OTP, Lane.NOTICE))
        return crowd.each_came_back_and_no_slot_is_lost(2)

    assert every_schedule(scene, preemptions=2) > 50


@pytest.mark.parametrize("first", ["one", "fails"])
def test_a_thread_may_lose_its_turn_at_any_line(first: str) -> None:
    def scene(schedule: Schedule) -> Check:
        crowd = Crowd(schedule)
        crowd.replies = [crowd.grant(1) if first == "one" else fails]
        crowd.come(2)
        return crowd.each_came_back_and_no_slot_is_lost(2)

    assert every_schedule(scene, preemptions=1, lines_of=[slot_queue]) > 50


class TimedEvent:
    """An event that nobody sets: each wait lasts until its time is over, on the clock of the test."""

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock

    def set(self) -> None: ...

    def clear(self) -> None: ...

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.append(self.clock[-1] + (timeout or 0.0))
        return False


def test_the_store_is_asked_again_after_the_longest_wait_of_the_pacing() -> None:
    clock, slot = [0.0], Slot(0.0, 1.0, begins=1.0)
    answers = [Answer([Offer([], 100.0)]), Answer([Offer([slot], 0.0)])]
    queue = SlotQueue(
        lambda _: answers.pop(0),
        lambda *_: None,
        replace(PACING, ask_again=7.0),
        monotonic=lambda: clock[-1],
        event=lambda: TimedEvent(clock),
    )
    assert queue.acquire(Lane.OTP, "t", [1], math.inf).slots == (slot,)
    assert clock == [0.0, 7.0]


def test_an_exception_reaches_the_one_who_asked_and_nobody_else() -> None:
    def scene(schedule: Schedule) -> Check:
        crowd = Crowd(schedule, fails)
        crowd.come(3)

        def check() -> None:
            assert sum(isinstance(one, ValueError) for one in crowd.came) <= 1

        return check

    every_schedule(scene, preemptions=1)
