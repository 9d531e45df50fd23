"""A worker's first process, which ``smsrelay worker`` becomes.

``python -m gevent.monkey … --module smsrelay_worker.processes.main``.

Ends with an exit code once its children have ended; after SIGHUP it starts anew. Wrong settings, a wrong policy or
an unknown queue end it with 2 before it has a child.
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
from smsrelay.cli.errors import cli_errors
from smsrelay_worker.processes.exec import become
from smsrelay_worker.processes.queue_worker import DUTIES, QueueWorker, keep_agenda, serve, together_as
from smsrelay_worker.processes.supervisor import Child, Supervisor, Work
from smsrelay_worker.settings import WorkerSettings

_ALL = ",".join(duty.name for duty in DUTIES)
_LAST_WORDS = 5.0  # seconds for a child in a hurry beyond its own bound, after which it ends by itself


@click.command()
@click.option("--name", default="worker", show_default=True, help="First part of the name Flower shows; unique on a host.")
@click.option("--queues", default=_ALL, show_default=True, help="Which queues to work on; a process each.")
@click.option("--together", is_flag=True, help="One process for all of them: less memory, and they wait for each other.")
@click.option("--events/--no-events", default=True, show_default=True, help="Send the task events that Flower shows.")
def main(name: str, queues: str, together: bool, events: bool) -> None:
    """Attempt messages, apply reports, keep the agenda."""
    duties = _duties(queues)
    if together:
        duties = (together_as(duties),)
    with cli_errors():
        settings = WorkerSettings()
    app, keepers = _wired(), keep_agenda(duties)
    os.register_at_fork(after_in_child=gevent.reinit)  # a child that shared its parent's event loop would hear for it
    seats = [Child(duty.title, _work(app, duty, name, events, duty in keepers)) for duty in duties]
    crew = Supervisor(seats, settings.stop_within, app.conf.worker_soft_shutdown_timeout + _LAST_WORDS)
    logs.set_up()
    logging.captureWarnings(True)  # a line of JSON, too, is what Celery says to root
    if crew.run() is signal.SIGHUP and not sys.stdout.isatty():  # else its terminal was closed
        become(*sys.orig_argv[1:])  # with settings, policy and code as they are now


def _duties(queues: str) -> tuple[QueueWorker, ...]:
    named = [word.strip().removeprefix("sms.") for word in queues.split(",")]
    if unknown := set(named) - {duty.name for duty in DUTIES}:
        raise click.BadParameter(f"no queue {', '.join(sorted(unknown))}; there are {_ALL}", param_hint="--queues")
    return tuple(duty for duty in DUTIES if duty.name in named)


def _work(app: Any, duty: QueueWorker, name: str, events: bool, agenda: bool) -> Work:
    return lambda stops: serve(app, duty, name, stops, events=events, agenda=agenda)


def _wired() -> Any:
    """The Celery app; importing it wires everything, so no other command does."""
    with cli_errors():
        return importlib.import_module("smsrelay_worker.app").app


if __name__ == "__main__":
    main(prog_name="smsrelay worker")
