"""Celery bootsteps: threads that run in a worker process beside its consumer, from start to stop.

``SchedulerStep`` runs the scheduler and the search for lost tasks. A turn that fails because store or broker are unavailable is
repeated a second later. An unexpected exception is logged with its traceback and the scheduler goes on, for the sake of the other
messages.
``WorkerRegistryStep`` records the heartbeat of the process.
``HaltWorkStep`` finishes what resuming and cancelling leave to do.
``PublishSinksStep`` publishes the sinks of its apps file, once; ``PublishLimitsStep`` its limits, every hour. ``OutcomeStep``
delivers outcomes to the apps.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from celery import bootsteps

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.process_registry import BEAT, steady_clock
from smsrelay_worker.store.worker_registry import GONE, WorkerProcess, WorkerRegistry

TURN = 1.0  # seconds between turns
_LOST_TASKS_EVERY = 2  # turns
_LIMITS_EVERY = 3600.0  # seconds; what is published of a clock cap follows its zone's summer time
_CHECK_NAMES_AT = int(GONE / BEAT) + 2  # heartbeats; by then a killed predecessor is no longer listed

log = structlog.get_logger()


class _ThreadStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Runs one thread from start to stop."""

    patience = 5.0  # seconds that stopping waits for the turn that is under way

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, worker: Any) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, args=(worker,), name=type(self).__name__, daemon=True)
        self._thread.start()

    def stop(self, worker: Any) -> None:
        """Let the thread finish its turn, for ``patience`` seconds."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=self.patience)

    def terminate(self, worker: Any) -> None:
        """Like ``stop``: a turn that is cut short is done by another process, or loses nothing."""
        self.stop(worker)

    def _run(self, worker: Any) -> None:
        raise NotImplementedError


class SchedulerStep(_ThreadStep):
    """Runs the scheduler's turns, one a second."""

    def _run(self, worker: Any) -> None:
        relay, turns = worker.app.relay, 0
        while not self._stopping.wait(TURN):
            started = time.monotonic()
            self._turn(relay, find_lost=turns % _LOST_TASKS_EVERY == 0)
            turns += 1
            log.debug("scheduler turn finished", seconds=round(time.monotonic() - started, 3))

    def _turn(self, relay: Any, find_lost: bool) -> None:
        try:
            while relay.scheduler.turn() > 0 and not self._stopping.is_set():
                continue
            if find_lost:
                relay.rescuer.find()
        except (StoreUnavailable, BrokerUnavailable) as error:
            log.warning("scheduler turn postponed", reason=str(error))
        except Exception:
            log.exception("scheduler turn failed")


class HaltWorkStep(_ThreadStep):
    """Releases what a resume has freed and cancels the messages of cancelled campaigns, in a thread beside the scheduler's."""

    def _run(self, worker: Any) -> None:
        while not self._stopping.wait(TURN):
            try:
                while worker.app.relay.halt_work.turn() and not self._stopping.is_set():
                    continue
            except StoreUnavailable as error:
                log.debug("halt work postponed", reason=str(error))
            except Exception:
                log.exception("halt work failed")


class OutcomeStep(_ThreadStep):
    """Delivers outcomes to the apps. A delivery that has begun may take its whole time-out, so stopping waits longer."""

    patience = 20.0

    def _run(self, worker: Any) -> None:
        worker.app.relay.outcome_delivery.run(self._stopping)


class WorkerRegistryStep(_ThreadStep):
    """Records a heartbeat every few seconds, and removes the process from the registry when it stops."""

    def _run(self, worker: Any) -> None:
        registry, beats, stopping = worker.app.relay.worker_registry, 0, False
        process = before = WorkerProcess(
            worker.hostname,
            socket.gethostname(),
            os.getpid(),
            _consumed(worker),
            time.time_ns() // 1_000_000,
            worker.app.relay.shared_settings,
        )
        while not stopping:
            process = replace(process, queues=_consumed(worker))
            clock = self._record(
                partial(registry.alive, process, before)
            )  # an entry is the whole value, so the old one has to go
            before, process = process, replace(process, clock=steady_clock(process.clock, clock))
            beats += 1
            if beats == _CHECK_NAMES_AT:
                self._record(partial(_warn_of_namesakes, registry, process))
            stopping = self._stopping.wait(BEAT if process.queues else TURN)  # soon again once it consumes
        self._record(partial(registry.leaves, before))

    def _record(self, record: Callable[[], int | None]) -> int | None:
        try:
            return record()
        except StoreUnavailable as error:
            log.debug("heartbeat not recorded", reason=str(error))
        except Exception:  # go on: without heartbeats `smsrelay status` shows no worker, and the next one may succeed
            log.exception("heartbeat not recorded")
        return None


class PublishSinksStep(_ThreadStep):
    """Publishes the sinks for processes without the apps file, as soon as the store answers."""

    def _run(self, worker: Any) -> None:
        while not self._published(worker.app.relay) and not self._stopping.wait(TURN):
            continue

    def _published(self, relay: Any) -> bool:
        """Whether it is done; True as well after an unexpected exception, which another turn would raise again."""
        try:
            relay.published_sinks.publish(relay.apps.sinks)
        except StoreUnavailable as error:
            log.debug("sinks not published", reason=str(error))
            return False
        except Exception:
            log.exception("sinks not published")
        return True


class PublishLimitsStep(_ThreadStep):
    """Publishes what apps need to know of the limits, as soon as the store answers, and again every hour."""

    def _run(self, worker: Any) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            wait = _LIMITS_EVERY if self._published(worker.app.relay) else TURN

    def _published(self, relay: Any) -> bool:
        """Whether it is done; True as well after an unexpected exception, which another turn would raise again."""
        try:
            relay.published_limits.publish(relay.limits.published(time.time_ns() // 1_000_000))
        except StoreUnavailable as error:
            log.debug("limits not published", reason=str(error))
            return False
        except Exception:
            log.exception("limits not published")
        return True


def _consumed(worker: Any) -> tuple[str, ...]:
    """The queues that the process consumes from at this moment; none while it is not connected to the broker."""
    consumer = getattr(worker.consumer, "task_consumer", None)
    if consumer is None:
        return ()
    return tuple(sorted(name for name in worker.app.amqp.queues.consume_from if consumer.consuming_from(name)))


def _warn_of_namesakes(registry: WorkerRegistry, own: WorkerProcess) -> None:
    """Warn of workers with the same name: Celery addresses workers by name, and Flower would show them as one."""
    others = [one for one in registry.processes() if one.name == own.name and (one.host, one.pid) != (own.host, own.pid)]
    if others:
        found = [f"process {one.pid} on {one.host}" for one in others]
        log.warning("another worker has the same name", name=own.name, others=found)
