"""Supervisor: one worker process for each queue, restarted by a small parent, so that no queue waits for another's threads.

Enters: seats, each a name and the work of one process. Leaves: the signal that ended it, once every child is gone. Its life:
1. the parent forks a child for each seat; it has no threads and no connections, so that a child begins with nothing shared;
2. a child that ends although nobody stopped the parent is replaced, after a pause that grows while it does not last;
3. SIGTERM, SIGINT and SIGQUIT are passed on to every child, SIGHUP as SIGTERM; each does what Celery does, and the parent waits;
4. a child that stops, because it was told to or by itself, has so many seconds to end, and is killed after them. A child says
   that it stops by closing its end of a pipe, so that one which froze later on is found too.
Children have sessions of their own: what a terminal sends reaches the parent alone, or they would hear Ctrl-C twice, which means
"at once". When the parent is killed, each child's end of a pipe says so, and the child ends as after SIGTERM.
"""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import structlog

PASSED_ON = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGINT,
    signal.SIGQUIT: signal.SIGQUIT,
    signal.SIGHUP: signal.SIGTERM,
}
_PAUSE, _LONGEST_PAUSE = 0.25, 4.0  # seconds before a child is replaced; doubled each time it did not last
_LASTED = 30.0  # seconds after which an end is the first again
Work = Callable[[Callable[[], None]], int]

log = structlog.get_logger()


@dataclass(slots=True)
class Child:
    """What one child does. ``work`` runs in the child, and its return value is the exit code; it calls what it is given to say
    that it stops."""

    name: str
    work: Work
    pid: int | None = field(default=None, init=False)
    word: int | None = field(default=None, init=False)  # the pipe whose other end the child closes when it stops
    stops_since: float = field(default=0.0, init=False)  # monotonic; counts with the next one
    end_by: float | None = field(default=None, init=False)  # monotonic: when a child that stops is killed
    since: float = field(default=0.0, init=False)  # monotonic
    due: float = field(default=0.0, init=False)  # monotonic: when it is to be taken
    ends: int = field(default=0, init=False)  # in a row, none of which had lasted


class Supervisor:
    """The parent. A child that stops is killed after ``stop_within`` seconds, and after ``hurry_within`` when in a hurry: after
    SIGQUIT, or a second SIGINT.
    """

    def __init__(self, seats: Sequence[Child], stop_within: float, hurry_within: float) -> None:
        self._seats = seats
        self._stop_within = stop_within
        self._hurry_within = hurry_within
        self._interrupted = False
        self._ears, self._mouth = os.pipe()  # numbers of signals
        self._child_end, self._parent_end = os.pipe()  # nothing is ever written; it is over when the parent is

    def run(self) -> signal.Signals:
        """Keep every seat taken until a signal comes, and wait for all to end; the signal. Children leave by ``SystemExit``."""
        ended_by: signal.Signals | None = None
        _show_as("smsrelay worker")
        heard = self._hear()
        while ended_by is None or any(seat.pid for seat in self._seats):
            if ended_by is None:
                self._fill(heard)
            for signalled in self._wait(stopping=ended_by is not None):
                if ended_by is None or signalled is not signal.SIGHUP:  # a terminal that closes meanwhile restarts nothing
                    ended_by = signalled
                self._pass_on(signalled)
            self._reap(expected=ended_by is not None)
            self._kill_late()
        return ended_by

    def _fill(self, heard: Sequence[signal.Signals]) -> None:
        for seat in self._seats:
            if seat.pid is None and time.monotonic() >= seat.due:
                self._take(seat, heard)

    def _take(self, seat: Child, heard: Sequence[signal.Signals]) -> None:
        seat.word, child_word = os.pipe()
        signal.pthread_sigmask(signal.SIG_BLOCK, heard)  # between fork and its own handlers a child would answer for the parent
        seat.since, seat.pid = time.monotonic(), os.fork()
        if seat.pid == 0:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in heard:
                signal.signal(number, signal.SIG_DFL)
            for end in (self._ears, self._mouth, self._parent_end, seat.word):
                os.close(end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        if seat.pid == 0:
            self._work(seat, child_word)
        os.close(child_word)

    def _work(self, seat: Child, word: int) -> NoReturn:
        """In the child."""
        _show_as(seat.name)
        bound = self._stop_within
        threading.Thread(target=_end_with_parent, args=(self._child_end, bound), name="parent", daemon=True).start()
        open_words = [word]

        def stops() -> None:
            while open_words:
                os.close(open_words.pop())

        raise SystemExit(seat.work(stops))

    def _wait(self, stopping: bool) -> list[signal.Signals]:
        """The signals to pass on, as soon as any signal comes, a child stops or has to be killed, or a seat is due."""
        due = [seat.due for seat in self._seats if seat.pid is None and not stopping]
        due += [seat.end_by for seat in self._seats if seat.pid is not None and seat.end_by is not None]
        words = [seat.word for seat in self._seats if seat.word is not None]
        wait = max(0.0, min(due, default=float("inf")) - time.monotonic())
        ready, _, _ = select.select([self._ears, *words], [], [], min(wait, _LONGEST_PAUSE))
        for seat in self._seats:
            if seat.word in ready:
                self._stops(seat, self._stop_within)
        numbers = os.read(self._ears, 512) if self._ears in ready else b""
        return [signal.Signals(number) for number in numbers if number in PASSED_ON]

    def _pass_on(self, signalled: signal.Signals) -> None:
        hurry = signalled is signal.SIGQUIT or (signalled is signal.SIGINT and self._interrupted)
        self._interrupted = self._interrupted or signalled is signal.SIGINT
        for seat in self._seats:
            if seat.pid is not None:
                os.kill(seat.pid, PASSED_ON[signalled])  # one that has ended is there until it is reaped
                self._stops(seat, self._hurry_within if hurry else self._stop_within)

    def _stops(self, seat: Child, within: float) -> None:
        """A child stops: from now on its time counts, and nothing more is heard of it but its end."""
        now = time.monotonic()
        if seat.end_by is None:
            seat.stops_since, seat.end_by = now, now + within
        seat.end_by = min(seat.end_by, now + within)
        _hang_up(seat)

    def _kill_late(self) -> None:
        """Kill the children that have not ended in time."""
        for seat in self._seats:
            if seat.pid is not None and seat.end_by is not None and time.monotonic() >= seat.end_by:
                stopping = round(time.monotonic() - seat.stops_since, 1)
                log.error("worker process did not stop in time, killed", queue=seat.name, pid=seat.pid, seconds=stopping)
                os.kill(seat.pid, signal.SIGKILL)
                seat.end_by = None

    def _reap(self, expected: bool) -> None:
        for seat in self._seats:
            pid, status = os.waitpid(seat.pid, os.WNOHANG) if seat.pid is not None else (0, 0)
            if pid == 0:
                continue
            lasted, seat.pid, seat.end_by = time.monotonic() - seat.since, None, None
            _hang_up(seat)
            code = os.waitstatus_to_exitcode(status)
            if expected:
                log.info("worker process exited", queue=seat.name, code=code)
                continue
            seat.ends = 0 if lasted > _LASTED else seat.ends + 1
            pause = min(_LONGEST_PAUSE, _PAUSE * 2**seat.ends)
            seat.due = time.monotonic() + pause
            log.warning("worker process exited, restarting it", queue=seat.name, code=code, lasted=round(lasted), pause=pause)

    def _hear(self) -> list[signal.Signals]:
        """From now on signals arrive as numbers in a pipe; those that whoever started us has switched off stay so."""
        heard = [*(number for number in PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN), signal.SIGCHLD]
        os.set_blocking(self._mouth, False)
        signal.set_wakeup_fd(self._mouth)
        for number in heard:
            signal.signal(number, lambda *_: None)
        return heard


def _show_as(name: str) -> None:
    """Tell processes of one command line apart in ps and top; on Linux, 15 characters."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")


def _hang_up(seat: Child) -> None:
    if seat.word is not None:
        os.close(seat.word)
        seat.word = None


def _end_with_parent(child_end: int, within: float) -> None:
    select.select([child_end], [], [])  # and not read: a read may hold the whole process, where threads are greenlets
    log.warning("parent process gone, stopping")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(within)
    log.error("not finished in time, exiting", seconds=within)
    os.kill(os.getpid(), signal.SIGKILL)
