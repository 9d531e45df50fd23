"""``smsrelay show``, ``why`` and ``cancel``: one message, by its id, the beginning of its id, or its reference.

Exit code 1: no such message, or too late to cancel it; 2: several ids begin like that; 3: the store does not answer.
"""

import json
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from smsrelay.cli.errors import cli_errors
from smsrelay.contract.state import State
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Record
from smsrelay.store.records import Reading
from smsrelay_worker.cli.named_message import NO_SUCH_MESSAGE, named_id, names_one_message
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.messages.timeline import Line, clock, describe_timeline, next_step
from smsrelay_worker.operations.payload_keys import missing_key
from smsrelay_worker.operations.rules import explained
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.actions.action import message_targets
from smsrelay_worker.terminal import wide_console

_STYLES = {
    State.DELIVERED: "green",
    State.FAILED: "red",
    State.UNKNOWN: "yellow",
    State.EXPIRED: "yellow",
    State.RETRYING: "yellow",
    State.UNCERTAIN: "yellow",
}


@click.command()
@names_one_message
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(as_json: bool, **named: Any) -> None:
    """Show what happened to a message, and why.

    ID is the message's id, or at least 6 characters with which no other id begins.
    """
    with cli_errors():
        operations, reading, policy = _read(named)
        missing = missing_key(reading, operations.worker_registry)
    lines = describe_timeline(reading.record, policy)
    if as_json:
        shown = _as_json(reading.record, lines) | {"missing_key": reading.payload_key if missing else None}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    print_message(reading.record, lines, policy)
    if missing:
        click.echo(f"payload   {missing}")


@click.command()
@names_one_message
def why(**named: Any) -> None:
    """Show every decision about a message, and what comes next.

    Each decision comes with what was known then, the rule that decided, and what that rule says. ID is the message's id, or at
    least 6 characters with which no other id begins.
    """
    with cli_errors():
        limits = load_limits(OperatorSettings().limits)
        _, reading, policy = _read(named)
    if reading.record.test:
        click.echo("a test message: nothing of it reaches the vendor")
    for line in describe_timeline(reading.record, policy):
        click.echo(f"{clock(line.at)}  {line.state.value:<10}  {line.text}")
        click.echo(f"{'':25}rule {line.rule}: {explained(line.rule, policy, limits)}")
    following = next_step(reading.record, policy)
    if following:
        click.echo(f"next: {following}")


@click.command()
@names_one_message
def cancel(**named: Any) -> None:
    """Cancel a message that has not been submitted yet.

    ID is the message's id, or at least 6 characters with which no other id begins.
    """
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        message_id = named_id(operations, **named)
        with recorded(operations.actions, "cancel", message_targets([message_id])):
            change = operations.records.change(message_id, lambda reading: cancelled(reading.record), durable=True)
            if change is None:
                raise click.ClickException(NO_SUCH_MESSAGE)
            if change.transition is None and change.record.state is not State.CANCELLED:  # maybe by us, with a lost answer
                raise click.ClickException(f"too late: it is {change.record.state.value}")
    click.echo("cancelled")


def _read(named: dict[str, Any]) -> tuple[Operations, Reading, Policy]:
    """The message that the command line names, with all that it takes to tell of it."""
    settings = OperatorSettings()
    operations, policy = Operations.wire(settings), load_policy(settings.policy)
    reading = operations.records.read(named_id(operations, **named))
    if reading is None:
        raise click.ClickException(NO_SUCH_MESSAGE)
    return operations, reading, policy


def print_message(record: Record, lines: list[Line], policy: Policy) -> None:
    """Print a message and its timeline for a person."""
    console = wide_console()
    console.print(f"message   {record.message_id}")
    campaign = f", campaign {record.campaign}" if record.campaign else ""
    console.print(f"lane      {record.lane.value}, template {record.template}, app {record.app}{campaign}")
    if record.test:
        console.print("test      never reaches the vendor")
    console.print(
        "state     ", Text(record.state.value, style=_STYLES.get(record.state, "")), f" after {record.attempt} attempt(s)", sep=""
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("at (UTC)", "state", "what happened"):
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(clock(line.at), Text(line.state.value, style=_STYLES.get(line.state, "")), Text(line.text))
    console.print(table)
    following = next_step(record, policy)
    if following:
        console.print(f"next      {following}")


def _as_json(record: Record, lines: list[Line]) -> dict[str, object]:
    shown = {
        "message_id": record.message_id,
        "lane": record.lane.value,
        "template": record.template,
        "app": record.app,
        "reference": record.reference,
        "campaign": record.campaign,
        "state": record.state.value,
        "attempts": record.attempt,
        "created_at": record.created_at,
        "expires_at": record.expires_at or None,
        "due": record.due,
        "external_id": record.external_id,
        "tags": dict(record.tags),
        "test": record.test,
        "used_at": record.used_at,
        "vendor_message": record.vendor_message.text if record.vendor_message else None,
    }
    return shown | {"timeline": [asdict(line) for line in lines]}
