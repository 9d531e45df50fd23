"""Supervisor: a small parent that runs one worker process for each queue and restarts it, so that no queue waits for another.

1. The parent forks its children. It has no threads and no connections, so a child inherits nothing that it would share.
2. A child that exits although nobody stopped the parent is restarted after a pause, which grows while the child keeps exiting.
3. SIGTERM, SIGINT and SIGQUIT are forwarded to every child, SIGHUP as SIGTERM. The child stops as Celery does; the parent waits.
4. A child that is stopping, by a signal or by itself, has a time limit and is killed after it. It reports that it is stopping by
   closing its end of a pipe, so that the limit also holds for a child that freezes later.
5. A child whose interpreter or whose consumer's loop stands still is killed after a while, and so restarted (``heartbeats``).

Each child is in a session of its own, so that a terminal's signals reach the parent alone: a child would receive Ctrl-C twice,
which means "stop at once". If the parent is killed, another pipe closes, and each child stops as after SIGTERM.
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

from smsrelay_worker.processes.heartbeats import PARENT, Heartbeats
from smsrelay_worker.processes.silence import Patience, Silence
from smsrelay_worker.processes.systemd import Systemd

FORWARDED_AS = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGINT,
    signal.SIGQUIT: signal.SIGQUIT,
    signal.SIGHUP: signal.SIGTERM,
}
_PAUSE, _MAX_PAUSE = 0.25, 4.0  # seconds before a restart; doubled after each exit that came too soon
_STABLE_AFTER = 30.0  # seconds; a child that ran for longer is restarted after the shortest pause again
_PATIENCE = Patience()
_LOOK = 1.0  # seconds between two looks at the children's heartbeats, and between two heartbeats

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parent:
    """What a child tells its parent."""

    stopping: Callable[[], None]  # it begins to stop, which starts its time limit
    loop_turned: Callable[[bool], None]  # its loop has turned; the argument: with a connection to the broker


Work = Callable[[Parent], int]


@dataclass(slots=True)
class Child:
    """One child process. ``work`` runs in it and returns its exit code."""

    name: str
    work: Work
    pid: int | None = field(default=None, init=False)  # None: not running
    stop_pipe: int | None = field(default=None, init=False)  # read end; the child closes the other when it begins to stop
    started_at: float = field(default=0.0, init=False)  # all times are monotonic
    stopping_since: float = field(default=0.0, init=False)  # valid while kill_at is set
    kill_at: float | None = field(default=None, init=False)  # set while it is stopping
    start_at: float = field(default=0.0, init=False)
    early_exits: int = field(default=0, init=False)  # in a row
    place: int = field(default=0, init=False)  # among the heartbeats
    silence: Silence | None = field(default=None, init=False)  # set while it runs


class Supervisor:
    """The parent. A stopping child is killed after ``stop_within`` seconds; after SIGQUIT or a second SIGINT, ``quit_within``.

    ``heartbeats`` has a place for the parent and one for each child, in their order.
    """

    def __init__(
        self,
        children: Sequence[Child],
        stop_within: float,
        quit_within: float,
        heartbeats: Heartbeats | None = None,
        patience: Patience = _PATIENCE,
        systemd: Systemd | None = None,
    ) -> None:
        for place, child in enumerate(children, PARENT + 1):
            child.place = place
        self._children = children
        self._stop_within = stop_within
        self._quit_within = quit_within
        self._heartbeats = heartbeats or Heartbeats.create(["smsrelay worker", *(child.name for child in children)])
        self._patience = patience
        self._systemd = systemd or Systemd({})
        self._looked_at = time.monotonic()
        self._interrupted = False
        self._signals_read, self._signals_write = os.pipe()  # numbers of signals
        self._lifeline_read, self._lifeline_write = os.pipe()  # nothing is written; it closes when the parent exits

    def run(self) -> signal.Signals:
        """Keep all children running until a signal comes, wait until all have exited, and return the signal.

        In a child it does not return: it raises ``SystemExit``.
        """
        stopped_by: signal.Signals | None = None
        _set_process_name("smsrelay worker")
        caught = self._catch_signals()
        while stopped_by is None or any(child.pid for child in self._children):
            if stopped_by is None:
                self._start_due(caught)
            for received in self._wait(stopping=stopped_by is not None):
                if stopped_by is None or received is not signal.SIGHUP:  # a terminal that closes while we stop restarts nothing
                    stopped_by = received
                    self._tell_systemd(received)
                self._forward(received)
            self._reap(expected=stopped_by is not None)
            self._kill_overdue()
            self._look()
        return stopped_by

    def _tell_systemd(self, received: signal.Signals) -> None:
        if received is signal.SIGHUP:
            self._systemd.reloading()
        else:
            self._systemd.stopping()

    def _start_due(self, caught: Sequence[signal.Signals]) -> None:
        for child in self._children:
            if child.pid is None and time.monotonic() >= child.start_at:
                self._start(child, caught)

    def _start(self, child: Child, caught: Sequence[signal.Signals]) -> None:
        child.stop_pipe, childs_end = os.pipe()
        self._heartbeats.alive(child.place)
        child.silence = Silence(self._heartbeats.pulse(child.place))
        signal.pthread_sigmask(signal.SIG_BLOCK, caught)  # until it has its own handlers, a child would run the parent's
        child.started_at, child.pid = time.monotonic(), os.fork()
        if child.pid == 0:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in caught:
                signal.signal(number, signal.SIG_DFL)
            for end in (self._signals_read, self._signals_write, self._lifeline_write, child.stop_pipe):
                os.close(end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, caught)
        if child.pid == 0:
            self._run_child(child, childs_end)
        os.close(childs_end)

    def _run_child(self, child: Child, stop_pipe: int) -> NoReturn:
        """In the child process."""
        _set_process_name(child.name)
        limit, place = self._stop_within, child.place
        threading.Thread(target=_stop_with_parent, args=(self._lifeline_read, limit), name="parent", daemon=True).start()
        threading.Thread(target=_beat, args=(self._heartbeats, place), name="heartbeat", daemon=True).start()
        open_pipes = [stop_pipe]

        def report_stopping() -> None:
            while open_pipes:
                os.close(open_pipes.pop())

        def loop_turned(consuming: bool) -> None:
            self._heartbeats.turned(place, consuming=consuming)

        raise SystemExit(child.work(Parent(report_stopping, loop_turned)))

    def _wait(self, stopping: bool) -> list[signal.Signals]:
        """Wait for a signal, a child that begins to stop, or the next restart or kill that is due. Returns signals to forward."""
        due = [child.start_at for child in self._children if child.pid is None and not stopping]
        due += [child.kill_at for child in self._children if child.pid is not None and child.kill_at is not None]
        pipes = [child.stop_pipe for child in self._children if child.stop_pipe is not None]
        wait = max(0.0, min(due, default=float("inf")) - time.monotonic())
        ready, _, _ = select.select([self._signals_read, *pipes], [], [], min(wait, _LOOK))
        for child in self._children:
            if child.stop_pipe in ready:
                self._begin_stopping(child, self._stop_within)
        numbers = os.read(self._signals_read, 512) if self._signals_read in ready else b""
        return [signal.Signals(number) for number in numbers if number in FORWARDED_AS]

    def _forward(self, received: signal.Signals) -> None:
        quick = received is signal.SIGQUIT or (received is signal.SIGINT and self._interrupted)
        self._interrupted = self._interrupted or received is signal.SIGINT
        for child in self._children:
            if child.pid is not None:
                os.kill(child.pid, FORWARDED_AS[received])  # safe after its exit, too: the pid is ours until it is reaped
                self._begin_stopping(child, self._quit_within if quick else self._stop_within)

    def _begin_stopping(self, child: Child, within: float) -> None:
        """Set or shorten the child's time limit. Its pipe has no more to say."""
        now = time.monotonic()
        if child.kill_at is None:
            child.stopping_since, child.kill_at = now, now + within
        child.kill_at = min(child.kill_at, now + within)
        _close_stop_pipe(child)

    def _kill_overdue(self) -> None:
        """Kill the children that exceed their time limit."""
        for child in self._children:
            if child.pid is not None and child.kill_at is not None and time.monotonic() >= child.kill_at:
                stopping = round(time.monotonic() - child.stopping_since, 1)
                log.error("worker process did not stop in time, killed", queue=child.name, pid=child.pid, seconds=stopping)
                os.kill(child.pid, signal.SIGKILL)
                child.kill_at = None

    def _look(self) -> None:
        """Look at all heartbeats, and kill the children whose own has stopped."""
        now = time.monotonic()
        passed, self._looked_at = now - self._looked_at, now
        self._heartbeats.alive(PARENT)
        self._systemd.alive()
        pulses = [self._heartbeats.pulse(child.place) for child in self._children]
        for child, pulse in zip(self._children, pulses, strict=True):
            if child.pid is not None and child.silence is not None:
                child.silence = child.silence.after(pulse, passed)
                self._kill_silent(child)
        if all(pulse.turned_at for pulse in pulses):
            self._systemd.ready()

    def _kill_silent(self, child: Child) -> None:
        """Kill the child if it has been silent for too long, unless it is stopping, which has its own time limit."""
        if child.pid is None or child.silence is None or child.kill_at is not None:
            return
        part = child.silence.too_long(self._patience)
        if part is None:
            return
        silent = round(child.silence.seconds(part), 1)
        log.error("worker process without heartbeat, killed", queue=child.name, pid=child.pid, part=part, seconds=silent)
        os.kill(child.pid, signal.SIGKILL)
        child.silence = Silence(child.silence.seen)  # the kernel may need a while to end it

    def _reap(self, expected: bool) -> None:
        for child in self._children:
            pid, status = os.waitpid(child.pid, os.WNOHANG) if child.pid is not None else (0, 0)
            if pid == 0:
                continue
            lasted, child.pid, child.kill_at = time.monotonic() - child.started_at, None, None
            _close_stop_pipe(child)
            self._heartbeats.clear(child.place)
            code = os.waitstatus_to_exitcode(status)
            if expected:
                log.info("worker process exited", queue=child.name, code=code)
                continue
            child.early_exits = 0 if lasted > _STABLE_AFTER else child.early_exits + 1
            pause = min(_MAX_PAUSE, _PAUSE * 2**child.early_exits)
            child.start_at = time.monotonic() + pause
            log.warning("worker process exited, restarting it", queue=child.name, code=code, lasted=round(lasted), pause=pause)

    def _catch_signals(self) -> list[signal.Signals]:
        """From now on signals arrive as numbers in a pipe, except those that were ignored when we were started."""
        caught = [*(number for number in FORWARDED_AS if signal.getsignal(number) is not signal.SIG_IGN), signal.SIGCHLD]
        os.set_blocking(self._signals_write, False)
        signal.set_wakeup_fd(self._signals_write)
        for number in caught:
            signal.signal(number, lambda *_: None)
        return caught


def _set_process_name(name: str) -> None:
    """The name in ps and top, where all processes have one command line; on Linux, 15 characters."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")


def _close_stop_pipe(child: Child) -> None:
    if child.stop_pipe is not None:
        os.close(child.stop_pipe)
        child.stop_pipe = None


def _beat(heartbeats: Heartbeats, place: int) -> None:
    """In a child, for ever. Where threads are greenlets it stands still whenever one of them keeps the interpreter."""
    while True:
        heartbeats.alive(place)
        time.sleep(_LOOK)


def _stop_with_parent(lifeline: int, within: float) -> None:
    select.select([lifeline], [], [])  # without a read, which could block the whole process where threads are greenlets
    log.warning("parent process gone, stopping")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(within)
    log.error("not finished in time, exiting", seconds=within)
    os.kill(os.getpid(), signal.SIGKILL)
