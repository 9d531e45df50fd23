"""SchedulerStep: runs the agenda, and the look for lost tasks, beside the consumer of a worker process, from start to stop.
MusterStep: says all the while that the process is alive.

A turn that fails because store or broker are away is done again a second later. Anything else is a fault of ours: it is logged
with its trace and the agenda goes on, because the other messages are still owed their times.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from celery import bootsteps

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.store.worker_registry import BEAT, GONE, WorkerProcess

TURN = 1.0  # seconds between turns
_LOST_EVERY = 2  # turns
_HEARD_FROM_ALL = int(GONE / BEAT) + 2  # beats, after which a predecessor that was killed is no longer listed

log = structlog.get_logger()


class _BesideStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """One thread beside the consumer of a worker process, from start to stop."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, worker: Any) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, args=(worker,), name=type(self).__name__, daemon=True)
        self._thread.start()

    def stop(self, worker: Any) -> None:
        """Finish what is under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def terminate(self, worker: Any) -> None:
        """As ``stop``: what is cut short is done by another process, or loses nothing."""
        self.stop(worker)

    def _run(self, worker: Any) -> None:
        raise NotImplementedError


class SchedulerStep(_BesideStep):
    """Turns the agenda."""

    def _run(self, worker: Any) -> None:
        relay, turns = worker.app.relay, 0
        while not self._stopping.wait(TURN):
            started = time.monotonic()
            self._turn(relay, look_for_lost=turns % _LOST_EVERY == 0)
            turns += 1
            log.debug("agenda turned", seconds=round(time.monotonic() - started, 3))

    def _turn(self, relay: Any, look_for_lost: bool) -> None:
        try:
            while relay.scheduler.turn() > 0 and not self._stopping.is_set():
                continue
            if look_for_lost:
                relay.rescuer.find()
        except (StoreUnavailable, BrokerUnavailable) as error:
            log.warning("agenda waits", reason=str(error))
        except Exception:
            log.exception("agenda turn failed")


class WorkerRegistryStep(_BesideStep):
    """Says every few seconds that the process is alive, and at its end that it leaves."""

    def _run(self, worker: Any) -> None:
        muster, turns, stopping = worker.app.relay.worker_registry, 0, False
        process = WorkerProcess(
            worker.hostname,
            socket.gethostname(),
            os.getpid(),
            _consumed(worker),
            time.time_ns() // 1_000_000,
            worker.app.relay.shared_settings,
        )
        while not stopping:
            before, process = process, replace(process, queues=_consumed(worker))
            if before != process:  # listed as it is now alone
                self._tell(muster.leaves, before)
            self._tell(muster.alive, process)
            turns += 1
            if turns == _HEARD_FROM_ALL:
                self._tell(lambda one: _warn_of_namesakes(muster.processes(), one), process)
            stopping = self._stopping.wait(BEAT)
        self._tell(muster.leaves, process)

    def _tell(self, tell: Callable[[WorkerProcess], None], process: WorkerProcess) -> None:
        try:
            tell(process)
        except StoreUnavailable as error:
            log.debug("not told that this worker is alive", reason=str(error))
        except Exception:  # the next beat may succeed, and without any `smsrelay status` shows no worker
            log.exception("not told that this worker is alive")


def _consumed(worker: Any) -> tuple[str, ...]:
    """The queues that tasks are really taken from; none while there is no connection to the broker."""
    consumer = getattr(worker.consumer, "task_consumer", None)
    if consumer is None:
        return ()
    return tuple(sorted(name for name in worker.app.amqp.queues.consume_from if consumer.consuming_from(name)))


def _warn_of_namesakes(processes: Sequence[WorkerProcess], own: WorkerProcess) -> None:
    """Celery addresses workers by name, so two of one name answer for each other, and Flower shows them as one."""
    others = [one for one in processes if one.name == own.name and (one.host, one.pid) != (own.host, own.pid)]
    if others:
        found = [f"process {one.pid} on {one.host}" for one in others]
        log.warning("another worker has this name", name=own.name, others=found)
