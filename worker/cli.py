"""``smsrelay``: every command by its name."""

import click

from producers import cli as producers_cli
from worker import cli_messages, cli_status, run
from worker.cli_dead import dead
from worker.cli_doctor import doctor
from worker.demo import demo
from worker.local import up
from worker.policy_cli import policy


@click.group()
@click.version_option(package_name="smsrelay")
def main() -> None:
    """Send SMS through one vendor: never lost, never twice by accident, never over the rate."""


for command in (
    producers_cli.send,
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
