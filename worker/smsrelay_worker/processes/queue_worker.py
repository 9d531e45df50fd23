"""QueueWorker: what one worker process is there for, and how it becomes the Celery worker that does it.

Enters: the app and a duty. Leaves: an exit code, when the worker was told to stop. Every lane and the reports are a duty of their
own, so that a campaign can hold no thread, and no prefetched task, that a login code or a report would need.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from celery import Celery
from celery.apps.worker import Worker, install_worker_term_handler
from celery.signals import worker_shutting_down

from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay_worker.consumer.bootsteps import SchedulerStep

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QueueWorker:
    """One queue, or all. ``tasks``: at most so many at once; None: as many as SMSRELAY_CONCURRENCY says."""

    name: str
    queues: tuple[str, ...]
    tasks: int | None = None
    prefetch: int | None = None  # tasks in hand for each that runs; None: the broker's usual

    @property
    def title(self) -> str:
        """What the process is called in ps."""
        return self.queues[0] if len(self.queues) == 1 else "sms.*"


DUTIES = (
    QueueWorker("otp", (Lane.OTP.queue,)),
    QueueWorker("notice", (Lane.NOTICE.queue,), tasks=16, prefetch=1),  # a task may be a chunk of a bulk: few of them in hand
    QueueWorker("marketing", (Lane.MARKETING.queue,), tasks=16, prefetch=1),
    QueueWorker("status", (STATUS_QUEUE,), tasks=16),
)
_KEEPERS = ("otp", "status")


def keep_agenda(duties: tuple[QueueWorker, ...]) -> tuple[QueueWorker, ...]:
    """Those of the duties whose processes also keep the agenda: two, of which one may die, and never none."""
    return tuple(duty for duty in duties if duty.name in _KEEPERS) or duties[:1]


def together_as(duties: tuple[QueueWorker, ...]) -> QueueWorker:
    """All of the duties in one."""
    return QueueWorker("", tuple(queue for duty in duties for queue in duty.queues))


def serve(app: Celery, duty: QueueWorker, name: str, stops: Callable[[], None], *, events: bool, agenda: bool) -> int:
    """Work on the duty's queues until a signal comes; the exit code. ``stops`` is called as soon as the worker stops."""
    if not agenda:
        app.steps["worker"].discard(SchedulerStep)
    tasks = min(duty.tasks or app.conf.worker_concurrency, app.conf.worker_concurrency)
    worker = _Process(
        app=app,
        hostname=f"{'-'.join(filter(None, (name, duty.name)))}@{socket.gethostname()}",
        queues=list(duty.queues),
        concurrency=tasks,
        prefetch_multiplier=duty.prefetch,
        loglevel="INFO",
        quiet=True,
        task_events=events,
        without_gossip=True,  # workers need know nothing of each other
        without_mingle=True,
    )
    worker.stops = stops
    worker_shutting_down.connect(worker.is_stopping, weak=False)
    try:
        worker.start()
    finally:
        worker.is_stopping()
    return int(worker.exitcode or 0)


class _Process(Worker):  # type: ignore[misc]
    """Celery's worker, as a child of ours."""

    stops: Callable[[], None]

    def is_stopping(self, **_: Any) -> None:
        """Say that it stops: that limits the time it has, and what is not begun goes to other workers."""
        self.stops()
        self.app.relay.sender.stop()

    def stop(self, *args: Any, **options: Any) -> None:
        """Stop, for whatever reason: Celery comes here as well after a failure of its own."""
        self.is_stopping()
        super().stop(*args, **options)

    def terminate(self, *args: Any, **options: Any) -> None:
        """Stop without waiting for tasks."""
        self.is_stopping()
        super().terminate(*args, **options)

    def should_use_eventloop(self) -> bool:
        """Among greenlets too: one place to wait for tasks, remote control and timers, where acknowledgements are gathered."""
        return True

    def install_platform_tweaks(self, worker: Any) -> None:
        """Let every signal do what SIGTERM does, and SIGQUIT and a second SIGINT set a bound to it.

        Celery's own answers wait inside of the signal, which greenlets cannot, and SIGHUP's would start a second parent. And
        they print, which is no line of a log.
        """
        super().install_platform_tweaks(worker)
        install_worker_term_handler(worker, verbose=False)
        celerys: Any = signal.getsignal(signal.SIGTERM)
        stopping, hurry = threading.Event(), threading.Event()
        bound = float(worker.app.conf.worker_soft_shutdown_timeout)
        threading.Thread(target=_tell_stop, args=(stopping,), name="stop", daemon=True).start()
        threading.Thread(target=_end_at_last, args=(hurry, bound), name="hurry", daemon=True).start()

        def warm(*signalled: Any) -> None:
            stopping.set()
            celerys(*signalled)

        def quit_soon(*signalled: Any) -> None:
            hurry.set()
            warm(*signalled)

        def interrupted(*signalled: Any) -> None:
            signal.signal(signal.SIGINT, quit_soon)
            warm(*signalled)

        signal.signal(signal.SIGTERM, warm)
        signal.signal(signal.SIGHUP, warm)
        signal.signal(signal.SIGQUIT, quit_soon)
        signal.signal(signal.SIGINT, interrupted)


def _tell_stop(stopping: threading.Event) -> None:
    stopping.wait()
    log.info("stopping: finishing what has begun, giving back the rest")


def _end_at_last(hurry: threading.Event, bound: float) -> None:
    """Once in a hurry, end the process after so many seconds as a kill would; leases and the broker hold what it had in hand."""
    hurry.wait()
    time.sleep(bound)
    log.error("not finished in time, exiting", seconds=bound)
    os._exit(1)
