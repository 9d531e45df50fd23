"""Crew: one worker process for each queue, kept at work by a small parent, so that no queue waits for the threads of another.

Enters: seats, each a name and the work of one process. Leaves: the signal that ended it, once every child is gone. Its life:
1. the parent forks a child for each seat; it has no threads and no connections, so that a child begins with nothing shared;
2. a child that ends although nobody stopped the parent is replaced, after a pause that grows while it does not last;
3. SIGTERM, SIGINT and SIGQUIT are passed on to every child, SIGHUP as SIGTERM; each does what Celery does, and the parent waits.
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

import structlog

PASSED_ON = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGINT,
    signal.SIGQUIT: signal.SIGQUIT,
    signal.SIGHUP: signal.SIGTERM,
}
_PAUSE, _LONGEST_PAUSE = 0.25, 4.0  # seconds before a child is replaced; doubled each time it did not last
_LASTED = 30.0  # seconds after which an end is the first again
_ORPHAN = 60.0  # seconds a child without a parent may take to finish

log = structlog.get_logger()


@dataclass(slots=True)
class Seat:
    """What one child does. ``work`` runs in the child, and its return value is the exit code."""

    name: str
    work: Callable[[], int]
    pid: int | None = field(default=None, init=False)
    since: float = field(default=0.0, init=False)  # monotonic
    due: float = field(default=0.0, init=False)  # monotonic: when it is to be taken
    ends: int = field(default=0, init=False)  # in a row, none of which had lasted


class Crew:
    """The parent."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self._seats = seats
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
            for signalled in self._wait():
                if ended_by is None or signalled is not signal.SIGHUP:  # a terminal that closes meanwhile restarts nothing
                    ended_by = signalled
                self._pass_on(signalled)
            self._reap(expected=ended_by is not None)
        return ended_by

    def _fill(self, heard: Sequence[signal.Signals]) -> None:
        for seat in self._seats:
            if seat.pid is None and time.monotonic() >= seat.due:
                self._take(seat, heard)

    def _take(self, seat: Seat, heard: Sequence[signal.Signals]) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, heard)  # between fork and its own handlers a child would answer for the parent
        seat.since, seat.pid = time.monotonic(), os.fork()
        if seat.pid == 0:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in heard:
                signal.signal(number, signal.SIG_DFL)
            for end in (self._ears, self._mouth, self._parent_end):
                os.close(end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        if seat.pid == 0:
            _show_as(seat.name)
            threading.Thread(target=_end_with_parent, args=(self._child_end,), name="parent", daemon=True).start()
            raise SystemExit(seat.work())

    def _wait(self) -> list[signal.Signals]:
        """The signals to pass on, as soon as any signal comes or a seat is due."""
        due = [max(0.0, seat.due - time.monotonic()) for seat in self._seats if seat.pid is None]
        ready, _, _ = select.select([self._ears], [], [], min(due, default=_LONGEST_PAUSE))
        numbers = os.read(self._ears, 512) if ready else b""
        return [signal.Signals(number) for number in numbers if number in PASSED_ON]

    def _pass_on(self, signalled: signal.Signals) -> None:
        for seat in self._seats:
            if seat.pid is not None:
                os.kill(seat.pid, PASSED_ON[signalled])  # one that has ended is there until it is reaped

    def _reap(self, expected: bool) -> None:
        for seat in self._seats:
            pid, status = os.waitpid(seat.pid, os.WNOHANG) if seat.pid is not None else (0, 0)
            if pid == 0:
                continue
            lasted, seat.pid = time.monotonic() - seat.since, None
            code = os.waitstatus_to_exitcode(status)
            if expected:
                log.info("worker process ended", queue=seat.name, code=code)
                continue
            seat.ends = 0 if lasted > _LASTED else seat.ends + 1
            pause = min(_LONGEST_PAUSE, _PAUSE * 2**seat.ends)
            seat.due = time.monotonic() + pause
            log.warning("worker process ended and is replaced", queue=seat.name, code=code, lasted=round(lasted), pause=pause)

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


def _end_with_parent(child_end: int) -> None:
    select.select([child_end], [], [])  # and not read: a read may hold the whole process, where threads are greenlets
    log.warning("the parent process is gone, so this one ends")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHAN)
    os.kill(os.getpid(), signal.SIGKILL)
