"""``smsrelay settings``: checks that a process could start with the settings of this environment, and asks no server."""

from collections.abc import Callable

import click

from smsrelay import logs
from smsrelay.cli.errors import process_errors
from smsrelay.contract.template import load_registry
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import ProducerSettings
from smsrelay_worker.apps.toml_file import load_apps
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.operations.doctor.role import Role
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import ApiSettings, ConsoleSettings, FlowerSettings, OperatorSettings, WorkerSettings
from smsrelay_worker.wiring import Relay


@click.command()
@click.option(
    "--as",
    "role",
    type=click.Choice([one.value for one in Role]),
    default=Role.WORKER.value,
    show_default=True,
    help="Whose settings these are.",
)
def settings(role: str) -> None:
    """Check the settings, and the files that they name.

    Exits with 0, or with 78 and every problem on standard error: with them a process of this role would not start, however often
    it is restarted. Asks no server.
    """
    logs.set_up("ERROR")
    with process_errors():
        _CHECKED[Role(role)]()
    click.echo(f"valid, asked as {role}")


def _worker() -> None:
    Relay.wire(WorkerSettings())  # opens files, but no connection


def _api() -> None:
    given = ApiSettings()
    load_policy(given.policy)
    load_apps(given.apps)
    load_registry(given.templates)


def _console() -> None:
    given = ConsoleSettings()
    load_policy(given.policy)
    load_limits(given.limits)
    load_apps(given.apps)
    load_registry(given.templates)


def _app() -> None:
    load_registry(ProducerSettings().templates)


_CHECKED: dict[Role, Callable[[], object]] = {
    Role.WORKER: _worker,
    Role.RECEIVER: ReceiverSettings,
    Role.API: _api,
    Role.CONSOLE: _console,
    Role.FLOWER: FlowerSettings,
    Role.APP: _app,
    Role.OPERATOR: OperatorSettings,
}
