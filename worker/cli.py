"""``smsrelay``: every command by its name."""

import click

from producers import cli as producers_cli
from producers.cli_bulk import bulk
from worker import cli_messages, run
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
    bulk,
    cli_messages.show,
    cli_messages.why,
    cli_messages.cancel,
    cli_messages.status,
    cli_messages.resume,
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
