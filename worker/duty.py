"""Duty: what one worker process is there for, and how it becomes the Celery worker that does it.

Enters: the app and a duty. Leaves: an exit code, when the worker was told to stop. Every lane and the reports are a duty of their
own, so that a campaign can hold no thread, and no prefetched task, that a login code or a report would need.
"""

import signal
import socket
from dataclasses import dataclass
from typing import Any

from celery import Celery
from celery.apps.worker import Worker

from producers.lanes import STATUS_QUEUE, Lane
from worker.boot import AgendaStep


@dataclass(frozen=True, slots=True)
class Duty:
    """One queue. ``threads``: at most so many tasks at once; None: as many as SMSRELAY_CONCURRENCY says."""

    name: str
    queue: str
    threads: int | None = None
    prefetch: int | None = None  # tasks in hand for each thread, beside those that run; None: the broker's usual


DUTIES = (
    Duty("otp", Lane.OTP.queue),
    Duty("notice", Lane.NOTICE.queue, threads=16, prefetch=1),  # a task may be a chunk of a bulk: few of them in hand
    Duty("marketing", Lane.MARKETING.queue, threads=16, prefetch=1),
    Duty("status", STATUS_QUEUE, threads=16),
)
_KEEPERS = ("otp", "status")


def keep_agenda(duties: tuple[Duty, ...]) -> tuple[Duty, ...]:
    """Those of the duties whose processes also keep the agenda: two, of which one may die, and never none."""
    return tuple(duty for duty in duties if duty.name in _KEEPERS) or duties[:1]


def serve(app: Celery, duty: Duty, name: str, *, events: bool, agenda: bool) -> int:
    """Work on the duty's queue until a signal comes; the exit code."""
    if not agenda:
        app.steps["worker"].discard(AgendaStep)
    threads = min(duty.threads or app.conf.worker_concurrency, app.conf.worker_concurrency)
    worker = _Restartable(
        app=app,
        hostname=f"{name}-{duty.name}@{socket.gethostname()}",
        queues=[duty.queue],
        concurrency=threads,
        prefetch_multiplier=duty.prefetch,
        loglevel="INFO",
        quiet=True,
        task_events=events,
        without_gossip=True,  # workers need know nothing of each other
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


class _Restartable(Worker):  # type: ignore[misc]
    """Ends at SIGHUP, and is started again by its parent; Celery's own answer would start a second parent in its place."""

    def install_platform_tweaks(self, worker: Any) -> None:
        super().install_platform_tweaks(worker)
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
