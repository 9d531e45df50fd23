"""``smsrelay`` as click has it: each command is imported when it runs, or when ``--help`` lists it.

So a command pays for its own imports alone, and one whose extra is missing takes nothing from the others.
"""

from importlib import import_module

import click
import structlog

from smsrelay import logs
from smsrelay.cli.errors import cli_errors, process_errors
from smsrelay_worker.cli.commands import COMMANDS
from smsrelay_worker.cli.extras import how_to_install, lacks
from smsrelay_worker.unknown_settings import unknown_settings

_LOGGING = ("receiver", "flower", "console")  # processes whose standard error is a log; the worker's tells it itself
_STARTING = ("worker", "receiver", "api", "console", "flower", "settings")  # whose exit code says that a restart is no use
log = structlog.get_logger()


class LazyGroup(click.Group):
    """Its commands are those of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, installed or not; sorted, as click has them."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command; one that lacks its extra only says so."""
        command = COMMANDS.get(cmd_name)
        if command is None:
            return None
        if lacks(command.extra):
            return click.Command(cmd_name, short_help=f"Not installed: {how_to_install(command.extra)}")
        return vars(import_module(command.module))[command.name]  # type: ignore[no-any-return]


@click.group(cls=LazyGroup)
@click.version_option(package_name="smsrelay")
@click.pass_context
def smsrelay(context: click.Context) -> None:
    """Send SMS through one vendor: never lost, never twice by accident, never over the rate."""
    with process_errors() if context.invoked_subcommand in _STARTING else cli_errors():
        unread = unknown_settings() if context.invoked_subcommand != "worker" else []
    if unread and context.invoked_subcommand in _LOGGING:
        logs.set_up()
        log.warning("unknown settings are not read", names=unread)
    elif unread:
        click.echo(f"unknown settings are not read: {', '.join(unread)}", err=True)
