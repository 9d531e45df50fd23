"""Batcher, in every order in which its threads can take their steps: nothing that was handed in is left with nobody at work."""

from collections.abc import Callable

import pytest

from smsrelay_worker.attempts import batcher
from smsrelay_worker.attempts.batcher import Batcher
from tests.support.schedules import Check, CooperativeLock, Schedule, every_schedule


class Ended(BaseException):
    """What ends a thread that is at work."""


class Office:
    """A batcher whose work takes a while, and what it came to."""

    def __init__(self, schedule: Schedule, *, refuses: int = 0, ends: int = 0) -> None:
        self.schedule = schedule
        self.processed: list[str] = []
        self.at_work = 0
        self.refuses, self.ends = refuses, ends
        self.batcher = Batcher[str](self.process, spawn=self.spawn, lock=CooperativeLock(schedule), sleep=schedule.sleep)

    def process(self, batch: list[str]) -> None:
        self.at_work += 1
        assert self.at_work == 1, "two are at work"
        self.schedule.pause()
        self.at_work -= 1
        self.processed += batch
        if self.ends:
            self.ends -= 1
            raise Ended

    def spawn(self, run: Callable[[], None]) -> None:
        if self.refuses:
            self.refuses -= 1
            raise RuntimeError("cannot schedule new futures after interpreter shutdown")
        self.schedule.start(surviving(run), "own")

    def hand_in(self, item: str) -> None:
        self.schedule.start(surviving(lambda: self.batcher.put(item)), "hands in")

    def wait_for(self, item: str) -> None:
        def single() -> None:
            surviving(lambda: self.batcher.process_now(item))()
            self.schedule.wait(lambda: item in self.processed)

        self.schedule.start(single, "waits")

    def check(self, *items: str) -> Check:
        def each_was_processed_once() -> None:
            assert sorted(self.processed) == sorted(items)

        return each_was_processed_once


def surviving(run: Callable[[], object]) -> Callable[[], None]:
    """A thread's function, as the interpreter has it: what ends the thread ends nothing else."""

    def survived() -> None:
        try:
            run()
        except Ended:
            return

    return survived


@pytest.mark.parametrize("refuses", [0, 1], ids=["", "no new thread can be started"])
@pytest.mark.parametrize("ends", [0, 1, 2], ids=["", "a thread is ended", "two threads are ended"])
def test_each_item_is_processed_once_and_nobody_waits_for_ever(refuses: int, ends: int) -> None:
    def scene(schedule: Schedule) -> Check:
        office = Office(schedule, refuses=refuses, ends=ends)
        office.wait_for("single")
        office.hand_in("of a chunk")
        office.hand_in("another of it")
        return office.check("single", "of a chunk", "another of it")

    assert every_schedule(scene, preemptions=1) > 100


def test_those_who_wait_are_served_too_when_they_come_together() -> None:
    def scene(schedule: Schedule) -> Check:
        office = Office(schedule)
        for item in ("one", "two", "three"):
            office.wait_for(item)
        return office.check("one", "two", "three")

    assert every_schedule(scene, preemptions=1) > 100


def test_a_thread_may_lose_its_turn_at_any_line() -> None:
    def scene(schedule: Schedule) -> Check:
        office = Office(schedule)
        office.wait_for("single")
        office.hand_in("of a chunk")
        return office.check("single", "of a chunk")

    assert every_schedule(scene, preemptions=2, lines_of=[batcher]) > 1000


def test_what_keeps_coming_holds_nobody_who_came_with_one_item() -> None:
    def scene(schedule: Schedule) -> Check:
        office, batches = Office(schedule), list[int]()

        def process(batch: list[str]) -> None:
            office.process(batch)
            batches.append(len(batches))
            if len(office.processed) < 3:
                office.batcher.put(f"more {len(office.processed)}")

        office.batcher = Batcher[str](process, spawn=office.spawn, lock=CooperativeLock(schedule), sleep=schedule.sleep)
        left_after = list[int]()

        def single() -> None:
            office.batcher.process_now("single")
            left_after.append(len(batches))

        schedule.start(single)

        def check() -> None:
            assert (len(batches), min(left_after)) == (3, 1)

        return check

    every_schedule(scene)


def test_those_who_do_not_wait_wait_a_moment_for_company_and_those_who_do_do_not() -> None:
    slept: list[float] = []
    done: list[list[str]] = []
    office = Batcher[str](done.append, spawn=lambda run: run(), sleep=slept.append)
    office.process_now("waits")
    assert (slept, done) == ([], [["waits"]])
    office.put("does not")
    assert (slept, done) == ([batcher._LINGER], [["waits"], ["does not"]])
