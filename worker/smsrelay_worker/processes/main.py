"""A worker's parent process, which is what ``smsrelay worker`` becomes.

It runs as ``python -m gevent.monkey … --module smsrelay_worker.processes.main`` and exits once all its children have; after
SIGHUP it restarts itself. Before it forks, invalid settings or files end it with exit code 78, and an unknown queue with 2.
"""

import importlib
import logging
import os
import signal
import sys
from typing import Any

import click
import gevent

from smsrelay import logs
from smsrelay.cli.errors import process_errors
from smsrelay_worker.processes.exec import exec_python
from smsrelay_worker.processes.heartbeats import Heartbeats, remove_own_file
from smsrelay_worker.processes.queue_worker import (
    QUEUE_WORKERS,
    QueueWorker,
    merged,
    run_worker,
    with_halt_work,
    with_scheduler,
)
from smsrelay_worker.processes.silence import Patience
from smsrelay_worker.processes.supervisor import Child, Supervisor, Work
from smsrelay_worker.processes.systemd import Systemd
from smsrelay_worker.settings import WorkerSettings

_ALL = ",".join(worker.name for worker in QUEUE_WORKERS)
PATIENCE = Patience()
_EXTRA_TIME = 5.0  # seconds that a quitting child has beyond its own limit, at which it exits by itself


@click.command()
@click.option("--name", default="worker", show_default=True, help="First part of the name that Flower shows; unique on a host.")
@click.option("--queues", default=_ALL, show_default=True, help="Queues to consume, each by a process of its own.")
@click.option("--together", is_flag=True, help="One process for all queues: less memory, but queues wait for each other.")
@click.option("--events/--no-events", default=True, show_default=True, help="Send the task events that Flower shows.")
def main(name: str, queues: str, together: bool, events: bool) -> None:
    """Submit messages, apply reports and run what is due."""
    workers = _selected(queues)
    if together:
        workers = (merged(workers),)
    logs.set_up()
    with process_errors():
        settings = WorkerSettings()
    app, scheduling, finishing = _wired_app(), with_scheduler(workers), with_halt_work(workers)
    os.register_at_fork(after_in_child=gevent.reinit)  # otherwise a child would share its parent's event loop and take its events
    children = [
        Child(worker.title, _work(app, worker, name, events, scheduler=worker in scheduling, halt_work=worker in finishing))
        for worker in workers
    ]
    quit_within = app.conf.worker_soft_shutdown_timeout + _EXTRA_TIME
    heartbeats = Heartbeats.create([name, *(child.name for child in children)])
    supervisor = Supervisor(children, settings.stop_within, quit_within, heartbeats, PATIENCE, Systemd(os.environ))
    logging.captureWarnings(True)  # so that what Celery warns of is a line of JSON, too
    stopped_by = supervisor.run()
    remove_own_file()
    if stopped_by is signal.SIGHUP and not sys.stdout.isatty():  # at a terminal SIGHUP means that it was closed
        exec_python(*sys.orig_argv[1:])  # with the settings, policy and code of now


def _selected(queues: str) -> tuple[QueueWorker, ...]:
    named = [word.strip().removeprefix("sms.") for word in queues.split(",")]
    if unknown := set(named) - {worker.name for worker in QUEUE_WORKERS}:
        raise click.BadParameter(f"no queue {', '.join(sorted(unknown))}; there are {_ALL}", param_hint="--queues")
    return tuple(worker for worker in QUEUE_WORKERS if worker.name in named)


def _work(app: Any, worker: QueueWorker, name: str, events: bool, *, scheduler: bool, halt_work: bool) -> Work:
    return lambda parent: run_worker(app, worker, name, parent, events=events, scheduler=scheduler, halt_work=halt_work)


def _wired_app() -> Any:
    """The Celery app. Importing it wires everything, so it is imported here and not by other commands."""
    with process_errors():
        return importlib.import_module("smsrelay_worker.app").app


if __name__ == "__main__":
    main(prog_name="smsrelay worker")
