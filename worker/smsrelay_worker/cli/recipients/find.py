"""``smsrelay find``: the messages to one number: id, state, lane, app, template, when it was accepted (UTC), last code.

Exit code 1: no messages; 2: no number, or wrong settings; 3: the store does not answer.
"""

import json

import click

from smsrelay.cli.errors import cli_errors
from smsrelay.lookup import MOST_FOUND, number_in_e164
from smsrelay.messages.record import Record
from smsrelay.store.connection import open_store
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.records import Records
from smsrelay_worker.cli.recipients.asked_number import asked_number
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.dead_letters import last_code
from smsrelay_worker.settings import ReplaySettings


@click.command()
@click.option("--number", help="The number; it stays in the shell's history. Without, it is read from standard input.")
@click.option("--app", help="Only messages of this app.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def find(number: str | None, app: str | None, as_json: bool) -> None:
    """List the messages to one number, newest first.

    Asks for the number, or reads it from standard input. Messages are found as long as they are kept.
    """
    with cli_errors():
        settings = ReplaySettings()
        to = number_in_e164(number if number is not None else asked_number())
        redis = open_store(settings.store, 2)
        index, records = NumberIndex(redis, settings.number_keys), Records(redis, settings.retention_hours * 3600)
        found = index.records(records, to, lambda record: app in {None, record.app}, MOST_FOUND)
    for record in found:
        click.echo(json.dumps(_as_json(record), ensure_ascii=False) if as_json else _line(record))
    if len(found) == MOST_FOUND:
        click.echo(f"only {MOST_FOUND} messages are listed", err=True)
    if not found:
        raise click.ClickException("no messages to this number, or their retention has ended")


def _line(record: Record) -> str:
    state = f"{record.state.value} (test)" if record.test else record.state.value
    parts = (f"{state:<10}", f"{record.lane.value:<9}", record.app, record.template, clock(record.created_at))
    return "  ".join((record.message_id, *parts, last_code(record) or "-"))


def _as_json(record: Record) -> dict[str, object]:
    """One message; instants are ms since the epoch."""
    return {
        "message_id": record.message_id,
        "state": record.state.value,
        "lane": record.lane.value,
        "app": record.app,
        "reference": record.reference,
        "template": record.template,
        "campaign": record.campaign,
        "created_at": record.created_at,
        "code": last_code(record),
        "test": record.test,
    }
