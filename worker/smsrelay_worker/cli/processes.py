"""``smsrelay worker``, ``flower`` and ``simulator``: each replaces its process by the one it names, so that signals reach it.

Secrets stay in the environment and never reach the process list. -P keeps the working folder off the import path: an app may
have a ``celery.py`` or a ``redis.py`` of its own there.
"""

import click

from smsrelay import logs
from smsrelay.cli.errors import AccessRefused, WrongSettings, process_errors, require_free_port
from smsrelay.settings import SettingsError
from smsrelay_worker.operations.doctor.old_names import old_names_in
from smsrelay_worker.operations.doctor.servers import access
from smsrelay_worker.operations.doctor.servers.broker_owner import other_owner
from smsrelay_worker.processes.exec import exec_python
from smsrelay_worker.settings import FlowerSettings, WorkerSettings

_READ_ONLY = ("--read_only=True", "--natural_time=False")  # nobody shall shut down workers or drop tasks from a browser
_TASKS = "--max_tasks=10000"  # about 11 KB each, so that Flower stays below 200 MB
_COLUMNS = "--tasks_columns=name,state,kwargs,result,received,uuid"  # lane, attempt and outcome at a glance
# Without gevent's fork and wait: the supervisor forks and reaps its children itself.
GREEN = ("-m", "gevent.monkey", "--no-os", "--no-signal", "--no-subprocess", "--module")


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Submit messages, apply reports and run what is due."""
    if not {"--help", "-h"} & set(arguments):
        _refuse_without_access(events="--no-events" not in arguments)
    # Tasks run as greenlets: threads spent more time passing the interpreter to each other than on their work. gevent patches
    # before anything else is imported, or a library would be patched only in part.
    exec_python("-P", *GREEN, "smsrelay_worker.processes.main", *arguments)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=5555, show_default=True, help="Port to listen on.")
def flower(host: str, port: int) -> None:
    """Serve Flower's page of tasks and workers.

    Needs SMSRELAY_FLOWER_AUTH (user:password).
    """
    with process_errors():
        settings = FlowerSettings()
    require_free_port(host, port)
    if refusals := access.login_problems(settings):
        raise AccessRefused("\n".join(map(str, refusals)))
    address = (f"--address={host}", f"--port={port}")
    exec_python("-P", "-m", "smsrelay_worker.processes.flower", *address, *_READ_ONLY, _TASKS, _COLUMNS)


def _refuse_without_access(*, events: bool) -> None:
    """Raises ``AccessRefused`` for missing rights with which every process of a worker would end, again after each restart."""
    logs.set_up("ERROR")
    try:
        settings = WorkerSettings()
    except SettingsError:
        return  # the worker reports it, once it has checked its options
    if refusals := access.worker_problems(settings, events=events):
        raise AccessRefused("no worker starts\n" + "\n".join(map(str, refusals)))
    if problem := old_names_in(settings):
        raise WrongSettings(f"no worker starts\nSMSRELAY_STORE_URL: {problem}")
    if problem := other_owner(settings, claim=True):
        raise WrongSettings(f"no worker starts\nSMSRELAY_BROKER_URL: {problem}")


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Serve a simulated vendor over HTTP."""
    exec_python("-P", "-m", "smsrelay_simulator", *arguments)
