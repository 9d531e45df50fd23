"""Tries every order in which a few threads can take their steps, one after the other.

Only one thread runs at a time. A step ends wherever the thread takes or releases a lock, waits, wakes another, or begins a line
of the code under test (``lines_of``). At the end of each step any thread that can continue may be chosen: ``every_schedule`` runs
the scene once for each such sequence of choices, depth first. A switch away from a thread that could have continued is a
preemption; a bound on preemptions (two find nearly everything) keeps the number of sequences small, and is all that is left out.

A wait with a time limit may end at any moment; the schedule's clock then stands at that limit.
Takes a scene, which starts its threads and may return a check for the end. Fails with the steps that led there if a check fails,
if a thread raises an unexpected exception, or if all remaining threads wait for ever.
"""

import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

Check = Callable[[], None]
Scene = Callable[["Schedule"], Check | None]
_TOO_LONG = 20_000  # steps of one schedule: some thread goes round and round


class _Abandoned(BaseException):
    """The schedule has failed, and its threads end where they stand."""


@dataclass(slots=True, eq=False)
class _Thread:
    name: str
    run: Callable[[], object]
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ready: Callable[[], bool] | None = None  # None: it can go on
    until: float | None = None  # when its wait ends at the latest
    timed_out: bool = False
    ended: bool = False

    def ways(self) -> list[bool]:
        """How it can go on: by itself (False), or because its wait is over (True)."""
        if self.ended:
            return []
        if self.ready is None or self.ready():
            return [False]
        return [] if self.until is None else [True]


@dataclass(slots=True)
class Schedule:
    """One run of a scene: ``choices`` are followed as far as they go, and then the first possibility each time."""

    choices: Sequence[int]
    preemptions: int
    files: frozenset[str] = frozenset()
    now: float = 0.0
    widths: list[int] = field(default_factory=list)  # how many possibilities there were at each choice
    told: list[str] = field(default_factory=list)  # which thread went on
    _threads: list[_Thread] = field(default_factory=list)
    _started: list[threading.Thread] = field(default_factory=list)
    _current: _Thread | None = None
    _over: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _failure: BaseException | None = None
    _abandoned: bool = False

    def start(self, run: Callable[[], object], name: str = "thread") -> None:
        """One more thread, now or from inside of another."""
        thread = _Thread(f"{name} {len(self._threads)}", run)
        self._threads.append(thread)
        self._started.append(threading.Thread(target=self._live, args=(thread,), daemon=True))
        self._started[-1].start()

    def pause(self) -> None:
        """The end of a step."""
        self.wait(None)

    def wait(self, ready: Callable[[], bool] | None, seconds: float | None = None) -> bool:
        """The end of a step, until ``ready``; False when the time was over before."""
        thread = self._current
        if self._abandoned:
            raise _Abandoned
        if thread is None:  # the scene itself, before or after its threads
            return ready is None or ready()
        thread.ready, thread.until = ready, None if seconds in {None, math.inf} else self.now + (seconds or 0.0)
        self._go_on(thread)
        return not thread.timed_out

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.wait(lambda: False, seconds)

    def play(self, scene: Scene) -> None:
        """Run the scene to its end."""
        check = scene(self)
        self._choose().turn.release()
        self._over.acquire()
        self._current, self._abandoned = None, self._failure is not None
        for thread in self._threads:
            thread.turn.release()
        for started in self._started:
            started.join()
        if self._failure is not None:
            raise self._failure
        if check is not None:
            check()

    def _live(self, thread: _Thread) -> None:
        thread.turn.acquire()
        try:
            if not self._abandoned:
                sys.settrace(self._trace if self.files else None)
                thread.run()
            sys.settrace(None)
            thread.ended = True
            if not self._abandoned:
                self._go_on(thread)
        except _Abandoned:
            return
        except BaseException as failure:  # noqa: BLE001  it fails the test
            sys.settrace(None)
            self._fail(failure)

    def _go_on(self, thread: _Thread) -> None:
        """Let whoever is chosen go on, and wait for this thread's next turn."""
        if all(one.ended for one in self._threads):
            self._over.release()
            return
        try:
            chosen = self._choose()
        except AssertionError as failure:
            self._fail(failure)
        else:
            if chosen is thread:
                return
            chosen.turn.release()
            if thread.ended:
                return
            thread.turn.acquire()
        if self._abandoned:
            raise _Abandoned

    def _fail(self, failure: BaseException) -> None:
        self._failure, self._abandoned = failure, True
        self._over.release()

    def _choose(self) -> _Thread:
        ways = self._ways()
        assert ways, f"these wait for ever: {[thread.name for thread in self._threads if not thread.ended]}"
        assert len(self.told) < _TOO_LONG, "it never ends"
        thread, timed_out = ways[self._chosen(len(ways))]
        if self._current is not thread and self._current is not None and self._current.ways() == [False]:
            self.preemptions -= 1
        if timed_out and thread.until is not None:
            self.now = max(self.now, thread.until)
        self._current, thread.timed_out = thread, timed_out
        thread.ready = thread.until = None
        self.told.append(thread.name + (" (time over)" if timed_out else ""))
        return thread

    def _ways(self) -> list[tuple[_Thread, bool]]:
        """Who can go on and how, the one that just did before the others."""
        mine = self._current
        others = [(thread, way) for thread in self._threads if thread is not mine for way in thread.ways()]
        stay = [] if mine is None else [(mine, way) for way in mine.ways()]
        return stay if stay and not stay[0][1] and self.preemptions <= 0 else stay + others

    def _chosen(self, width: int) -> int:
        place = len(self.widths)
        self.widths.append(width)
        return self.choices[place] if place < len(self.choices) else 0

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        if event == "line":
            self.pause()
        return self._trace


def every_schedule(scene: Scene, *, preemptions: int = 2, lines_of: Sequence[Any] = ()) -> int:
    """Play a scene in every order; how many there were. ``lines_of``: modules each line of which is a step."""
    files = frozenset(str(module.__file__) for module in lines_of)
    choices: list[int] | None = []
    played = 0
    while choices is not None:
        schedule = Schedule(choices, preemptions, files)
        try:
            schedule.play(scene)
        except BaseException as error:
            error.add_note("steps: " + " → ".join(schedule.told[-60:]))
            raise
        played += 1
        choices = _next(schedule)
    return played


def _next(schedule: Schedule) -> list[int] | None:
    """The choices of the next run: the last one that was not the last possibility is moved on by one."""
    taken = [*schedule.choices, *[0] * (len(schedule.widths) - len(schedule.choices))]
    while taken:
        last = taken.pop()
        if last + 1 < schedule.widths[len(taken)]:
            return [*taken, last + 1]
    return None


class CooperativeLock:
    """threading.Lock for threads of a schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._taken = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        self._schedule.pause()
        if self._taken and not blocking:
            return False
        if self._taken and not self._schedule.wait(lambda: not self._taken, None if timeout < 0 else timeout):
            return False
        self._taken = True
        return True

    def release(self) -> None:
        assert self._taken
        self._taken = False
        self._schedule.pause()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class CooperativeEvent:
    """threading.Event for threads of a schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._schedule.pause()
        self._set = True

    def clear(self) -> None:
        self._schedule.pause()
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        return self._schedule.wait(lambda: self._set, timeout)


class CooperativeCondition:
    """threading.Condition for threads of a schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._lock = CooperativeLock(schedule)
        self._waiting: deque[list[bool]] = deque()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def notify(self) -> None:
        if self._waiting:
            self._waiting.popleft()[0] = True

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        until = None if timeout is None else self._schedule.now + timeout
        while not predicate():
            left = None if until is None else until - self._schedule.now
            if left is not None and left <= 0:
                return False
            called = [False]
            self._waiting.append(called)
            self._lock.release()
            self._schedule.wait(lambda called=called: called[0], left)  # type: ignore[misc]
            if called in self._waiting:
                self._waiting.remove(called)
            self._lock.acquire()
        return True
