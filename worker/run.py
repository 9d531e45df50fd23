"""``smsrelay worker``, ``flower`` and ``simulator``: each becomes the process it names, so that signals reach the right one.

Enters: arguments. Leaves: never, for the process is replaced; a worker's parent when its children have ended. Secrets travel in
the environment, not in the process list.
"""

import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from producers import logs
from producers.cli import Refused, told
from worker.crew import Crew, Seat
from worker.duty import DUTIES, Duty, keep_agenda, serve
from worker.policy_file import PolicyError
from worker.settings import FlowerSettings, WorkerSettings

_ALL = ",".join(duty.name for duty in DUTIES)

_COLUMNS = "--tasks_columns=name,state,kwargs,result,received,uuid"  # lane, attempt and outcome at a glance


@click.command()
@click.option("--name", default="worker", show_default=True, help="First part of the name Flower shows; unique on a host.")
@click.option("--queues", default=_ALL, show_default=True, help="Which queues to work on; a process each.")
@click.option("--together", is_flag=True, help="One process for all of them: less memory, and they wait for each other.")
@click.option("--events/--no-events", default=True, show_default=True, help="Send the task events that Flower shows.")
def worker(name: str, queues: str, together: bool, events: bool) -> None:
    """Attempt messages, apply reports, keep the agenda."""
    duties = _duties(queues)
    with told():
        WorkerSettings()
    if together:
        flags = ["--task-events"] if events else ["--without-gossip", "--without-mingle"]
        chosen = ("--queues", ",".join(duty.queue for duty in duties))
        _become("-m", "celery", "-A", "worker.app", "worker", "--hostname", f"{name}@%h", "--loglevel", "INFO", *chosen, *flags)
    app, keepers = _wired(), keep_agenda(duties)
    crew = Crew([Seat(duty.queue, _work(app, duty, name, events, duty in keepers)) for duty in duties])
    logs.set_up()
    if crew.run() is signal.SIGHUP and not sys.stdout.isatty():  # else its terminal was closed
        _become(*sys.orig_argv[1:])  # with settings, policy and code as they are now


def _duties(queues: str) -> tuple[Duty, ...]:
    named = [word.strip().removeprefix("sms.") for word in queues.split(",")]
    if unknown := set(named) - {duty.name for duty in DUTIES}:
        raise click.BadParameter(f"no queue {', '.join(sorted(unknown))}; there are {_ALL}", param_hint="--queues")
    return tuple(duty for duty in DUTIES if duty.name in named)


def _work(app: Any, duty: Duty, name: str, events: bool, agenda: bool) -> Callable[[], int]:
    return lambda: serve(app, duty, name, events=events, agenda=agenda)


def _wired() -> Any:
    """The Celery app; importing it wires everything, so no other command does."""
    try:
        with told():
            return importlib.import_module("worker.app").app
    except PolicyError as error:
        raise Refused(str(error)) from None


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=5555, show_default=True)
def flower(host: str, port: int) -> None:
    """Show the tasks and workers on a page; needs SMSRELAY_FLOWER_AUTH (user:password)."""
    with told():
        settings = FlowerSettings()
    os.environ["FLOWER_BASIC_AUTH"] = settings.flower_auth.get_secret_value()
    os.environ["CELERY_BROKER_URL"] = settings.broker_url  # Flower needs no more of us, so it holds no key to the vendor
    address = (f"--address={host}", f"--port={port}")
    # Read only: a page that can shut down workers or drop tasks is no page to leave open.
    _become("-m", "celery", "flower", *address, "--read_only=True", "--natural_time=False", _COLUMNS)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Play the vendor over HTTP; see tests/simulator/README.md. Needs a source checkout."""
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "tests" / "simulator").is_dir():
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(checkout), os.environ.get("PYTHONPATH"))))
    elif importlib.util.find_spec("tests") is None or importlib.util.find_spec("tests.simulator") is None:
        raise Refused("the simulator is part of the source checkout, not of the installed package; run this in a checkout")
    _become("-m", "tests.simulator", *arguments)


def _become(*arguments: str) -> None:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  no shell is wanted
