"""``smsrelay``: every command by its name."""

import click
import structlog

from smsrelay import logs
from smsrelay.cli import commands as producers_cli
from smsrelay.cli.bulk import bulk
from smsrelay.cli.commands import told
from smsrelay_worker.cli import messages as cli_messages
from smsrelay_worker.cli import processes as run
from smsrelay_worker.cli import status as cli_status
from smsrelay_worker.cli.dead import dead
from smsrelay_worker.cli.doctor import doctor
from smsrelay_worker.cli.policy import policy
from smsrelay_worker.local.demo import demo
from smsrelay_worker.local.up import up
from smsrelay_worker.unknown_settings import unknown_settings

_LOGGING = ("receiver", "flower")  # processes whose standard error is a log; the worker's tells it itself
log = structlog.get_logger()


@click.group()
@click.version_option(package_name="smsrelay")
@click.pass_context
def main(context: click.Context) -> None:
    """Send SMS through one vendor: never lost, never twice by accident, never over the rate."""
    with told():
        unread = unknown_settings() if context.invoked_subcommand != "worker" else []
    if unread and context.invoked_subcommand in _LOGGING:
        logs.set_up()
        log.warning("unknown settings are not read", names=unread)
    elif unread:
        click.echo(f"unknown settings are not read: {', '.join(unread)}", err=True)


for command in (
    producers_cli.send,
    bulk,
    cli_messages.show,
    cli_messages.why,
    cli_messages.cancel,
    cli_status.status,
    cli_status.rate,
    cli_status.resume,
    cli_status.metrics,
    dead,
    doctor,
    policy,
    run.worker,
    producers_cli.receiver,
    run.flower,
    run.simulator,
    up,
    demo,
    producers_cli.schema,
):
    main.add_command(command)
