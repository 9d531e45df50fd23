"""QueueWorker: which queues a worker process consumes, and the Celery worker that it runs.

Each lane and the status queue have a process of their own, so that a campaign cannot occupy threads, or hold prefetched tasks,
that a login code or a report needs. So have outcomes, so that apps whose endpoints hang hold up no SMS.
"""

import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from celery import Celery
from celery.apps.worker import Worker, install_worker_term_handler
from celery.signals import worker_shutting_down

from smsrelay.contract.lanes import OUTCOME_QUEUE, STATUS_QUEUE, Lane
from smsrelay_worker.consumer.bootsteps import HaltWorkStep, OutcomeStep, SchedulerStep
from smsrelay_worker.processes.supervisor import Parent

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QueueWorker:
    """What one process consumes. ``tasks``: the most it runs at once, within SMSRELAY_CONCURRENCY; None: as many as that says."""

    name: str
    queues: tuple[str, ...]
    tasks: int | None = None
    prefetch: int | None = None  # prefetched tasks for each one running; None: the broker's default

    @property
    def title(self) -> str:
        """The name of the process in ps."""
        return self.queues[0] if len(self.queues) == 1 else "sms.*"


QUEUE_WORKERS = (
    QueueWorker("otp", (Lane.OTP.queue,)),
    QueueWorker("notice", (Lane.NOTICE.queue,), tasks=16, prefetch=1),  # a task may be a chunk of a campaign: prefetch few
    QueueWorker("marketing", (Lane.MARKETING.queue,), tasks=16, prefetch=1),
    QueueWorker("status", (STATUS_QUEUE,), tasks=16),
    QueueWorker("outcome", (OUTCOME_QUEUE,), tasks=4),
)
_SCHEDULING = ("otp", "status")
_HEARTBEAT = 1.0  # seconds


def with_scheduler(workers: tuple[QueueWorker, ...]) -> tuple[QueueWorker, ...]:
    """Those of the workers that also run the scheduler: two, so that one may die, and at least one."""
    return tuple(worker for worker in workers if worker.name in _SCHEDULING) or workers[:1]


def with_halt_work(workers: tuple[QueueWorker, ...]) -> tuple[QueueWorker, ...]:
    """Those of the workers that also release and cancel messages: where it delays no code, or else the last one."""
    return tuple(worker for worker in workers if Lane.MARKETING.queue in worker.queues) or workers[-1:]


def merged(workers: tuple[QueueWorker, ...]) -> QueueWorker:
    """One worker for the queues of all."""
    return QueueWorker("", tuple(queue for worker in workers for queue in worker.queues))


def run_worker(
    app: Celery,
    queue_worker: QueueWorker,
    name: str,
    parent: Parent,
    *,
    events: bool,
    scheduler: bool,
    halt_work: bool,
) -> int:
    """Consume the worker's queues until a signal comes, and return the exit code.

    ``name``: first part of the name in Celery and Flower. ``parent`` is told that the loop turns, and when it begins to stop.
    """
    if not scheduler:
        app.steps["worker"].discard(SchedulerStep)
    if not halt_work:
        app.steps["worker"].discard(HaltWorkStep)
    if OUTCOME_QUEUE not in queue_worker.queues:
        app.steps["worker"].discard(OutcomeStep)
    tasks = min(queue_worker.tasks or app.conf.worker_concurrency, app.conf.worker_concurrency)
    worker = _ChildWorker(
        app=app,
        hostname=f"{'-'.join(filter(None, (name, queue_worker.name)))}@{socket.gethostname()}",
        queues=list(queue_worker.queues),
        concurrency=tasks,
        prefetch_multiplier=queue_worker.prefetch,
        loglevel="INFO",
        quiet=True,
        task_events=events,
        without_gossip=True,  # workers need not know each other
        without_mingle=True,
    )
    worker.parent = parent
    worker_shutting_down.connect(worker.begin_stopping, weak=False)
    try:
        worker.start()
    finally:
        worker.begin_stopping()
    return int(worker.exitcode or 0)


class _ChildWorker(Worker):  # type: ignore[misc]
    """Celery's worker in a child of the supervisor."""

    parent: Parent

    def begin_stopping(self, **_: Any) -> None:
        """Report that it stops, which starts its time limit, and leave messages that have not begun to other workers."""
        self.parent.stopping()
        self.app.relay.sender.stop()

    def stop(self, *args: Any, **options: Any) -> None:
        """Stop; Celery calls this after a failure of its own, too."""
        self.begin_stopping()
        super().stop(*args, **options)

    def terminate(self, *args: Any, **options: Any) -> None:
        """Stop without waiting for tasks."""
        self.begin_stopping()
        super().terminate(*args, **options)

    def should_use_eventloop(self) -> bool:
        """True, with greenlets too: one loop waits for tasks, remote control and timers, and batches acknowledgements."""
        return True

    def loop_turned(self, consuming: bool = True) -> None:
        """Tell the parent that the consumer's loop turns; the consumer calls it, too, while it tries to connect."""
        self.parent.loop_turned(consuming)

    def register_with_event_loop(self, hub: Any) -> None:
        """Have the loop tell the parent each second that it turns; Celery calls this whenever the consumer has connected."""
        super().register_with_event_loop(hub)
        hub.call_repeatedly(_HEARTBEAT, self.loop_turned)

    def install_platform_tweaks(self, worker: Any) -> None:
        """Let every signal stop the worker as SIGTERM does, with a time limit after SIGQUIT or a second SIGINT.

        Celery's own handlers wait inside the signal handler, which greenlets cannot, and its SIGHUP handler would start a second
        parent. They also print, which would be no JSON line of the log.
        """
        super().install_platform_tweaks(worker)
        install_worker_term_handler(worker, verbose=False)
        celerys: Any = signal.getsignal(signal.SIGTERM)
        stopping, quitting = threading.Event(), threading.Event()
        limit = float(worker.app.conf.worker_soft_shutdown_timeout)
        threading.Thread(target=_log_stopping, args=(stopping,), name="stop", daemon=True).start()
        threading.Thread(target=_exit_overdue, args=(quitting, limit), name="quit", daemon=True).start()

        def stop(*received: Any) -> None:
            stopping.set()
            celerys(*received)

        def stop_soon(*received: Any) -> None:
            quitting.set()
            stop(*received)

        def interrupt(*received: Any) -> None:
            signal.signal(signal.SIGINT, stop_soon)
            stop(*received)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGHUP, stop)
        signal.signal(signal.SIGQUIT, stop_soon)
        signal.signal(signal.SIGINT, interrupt)


def _log_stopping(stopping: threading.Event) -> None:
    stopping.wait()
    log.info("stopping: finishing what has begun, giving back the rest")


def _exit_overdue(quitting: threading.Event, limit: float) -> None:
    """Exit ``limit`` seconds after the quit, as after a kill; leases and the broker's records cover what was unfinished."""
    quitting.wait()
    time.sleep(limit)
    log.error("not finished in time, exiting", seconds=limit)
    os._exit(1)
