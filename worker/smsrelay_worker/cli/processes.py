"""``smsrelay worker``, ``flower`` and ``simulator``: each becomes the process it names, so that signals reach the right one.

Enters: arguments. Leaves: never, for the process is replaced. Secrets travel in the environment, not in the process list.
"""

import click

from smsrelay import logs
from smsrelay.cli.commands import Refused, refuse_taken, told
from smsrelay.settings import SettingsError
from smsrelay_worker.operations.doctor import access
from smsrelay_worker.processes.exec import exec_python
from smsrelay_worker.settings import FlowerSettings, WorkerSettings

_TASKS = "--max_tasks=10000"  # about 11 KB each, so that Flower stays below 200 MB
_COLUMNS = "--tasks_columns=name,state,kwargs,result,received,uuid"  # lane, attempt and outcome at a glance
GREEN = ("-m", "gevent.monkey", "--no-os", "--no-signal", "--no-subprocess", "--module")  # the crew forks and reaps by itself


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Attempt messages, apply reports, keep the agenda; --help says more."""
    if not {"--help", "-h"} & set(arguments):
        _refuse_without_access(events="--no-events" not in arguments)
    # What waits in a worker are greenlets: threads spent more on handing the interpreter to each other than on their work. Their
    # patches come before any import, or half of a library waits one way and half the other.
    exec_python(*GREEN, "smsrelay_worker.processes.main", *arguments)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=5555, show_default=True)
def flower(host: str, port: int) -> None:
    """Show the tasks and workers on a page; needs SMSRELAY_FLOWER_AUTH (user:password)."""
    with told():
        settings = FlowerSettings()
        refuse_taken(host, port)
    if refusals := access.of_onlooker(settings):
        raise Refused("\n".join(map(str, refusals)))
    address = (f"--address={host}", f"--port={port}")
    # Read only: a page that can shut down workers or drop tasks is no page to leave open.
    exec_python("-m", "smsrelay_worker.processes.flower", *address, "--read_only=True", "--natural_time=False", _TASKS, _COLUMNS)


def _refuse_without_access(*, events: bool) -> None:
    """Raises ``Refused`` with a sentence for what would let every process of a worker end, time and again."""
    logs.set_up("ERROR")
    try:
        settings = WorkerSettings()
    except SettingsError:
        return  # which the worker says itself, once it has looked at its options
    if refusals := access.of_worker(settings, events=events):
        raise Refused("no worker starts\n" + "\n".join(map(str, refusals)))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Play the vendor over HTTP; ``--help`` lists how it can be made to misbehave."""
    exec_python("-m", "smsrelay_simulator", *arguments)
