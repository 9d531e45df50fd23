"""``smsrelay dead``: list, show and replay what ended without a delivery, and the jobs nobody could read.

Enters: filters or ids. Leaves: text or JSON lines; a replay that was refused ends with 1. Nothing shows a number or a parameter
but ``dead show --body`` of a job nobody could read, which a person has to ask for.
"""

import json
import time
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from producers.cli import Refused, told
from producers.job import SendJob
from producers.lanes import Lane
from producers.record import State
from producers.rejection import Rejection
from worker.console import wide_console
from worker.dead import DeadLetters, Filter, last_code, obstacle_to_replay
from worker.relay import Relay
from worker.settings import WorkerSettings
from worker.store import Reading, Undecodable
from worker.story import clock, story

_FILTERS = (
    click.option("--state", type=click.Choice([State.FAILED.value, State.UNKNOWN.value])),
    click.option("--lane", type=click.Choice([lane.value for lane in Lane])),
    click.option("--code", help="The code it ended with, like 504."),
    click.option("--app"),
    click.option("--template"),
    click.option("--hours", type=float, help="Only what ended in the last so many hours."),
)


def _filtered(command: Any) -> Any:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group()
def dead() -> None:
    """What ended without a delivery."""


@dead.command("list")
@_filtered
@click.option("--limit", default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_dead(limit: int, as_json: bool, **filters: Any) -> None:
    """List messages that failed or ended unknown, newest first, and jobs nobody could read."""
    with told():
        relay = Relay.wire(WorkerSettings())
        found = [reading for reading, _ in zip(_letters(relay).find(_filter(**filters)), range(limit), strict=False)]
        kept = relay.store.undecodable()[:limit] if not any(filters.values()) else []
    if as_json:
        for reading in found:
            click.echo(json.dumps(_as_json(reading, relay), ensure_ascii=False))
        for one in kept:
            click.echo(json.dumps({name: value for name, value in asdict(one).items() if name != "body"}, ensure_ascii=False))
    else:
        _print(found, kept, relay)


@dead.command("show")
@click.argument("kept_id")
@click.option("--body", is_flag=True, help="Also print the job itself, with the number and the parameters in it.")
def show_kept(kept_id: str, body: bool) -> None:
    """Show a job nobody could read, by the id that the list gives it; a message is shown by `smsrelay show`."""
    with told():
        kept = _kept(Relay.wire(WorkerSettings()), kept_id)
    click.echo(f"kept     {kept.kept_id} at {clock(kept.at)}\nqueue    {kept.queue}\nreason   {kept.reason}")
    if body:
        click.echo(kept.body)


@dead.command()
@_filtered
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Replay all that the filters leave.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def replay(ids: tuple[str, ...], everything: bool, dry_run: bool, **filters: Any) -> None:
    """Attempt dead messages once more, or read kept jobs again; each attempt's reason stands in its timeline."""
    if bool(ids) == (everything or any(filters.values())):
        raise Refused("name ids, or filters, or --all")
    with told():
        relay = Relay.wire(WorkerSettings())
        chosen = ids or [reading.record.message_id for reading in _letters(relay).find(_filter(**filters))]
        results = {one: _replay(relay, one, dry_run) for one in chosen}
    for one, result in results.items():
        click.echo(f"{one}  {result}")
    raise SystemExit(0 if all(result.startswith(("queued", "would be queued")) for result in results.values()) else 1)


def _replay(relay: Relay, any_id: str, dry_run: bool) -> str:
    kept = next((one for one in relay.store.undecodable() if one.kept_id == any_id), None)
    if kept is not None:
        return _read_again(relay, kept, dry_run)
    if dry_run:
        return obstacle_to_replay(relay.store.read(any_id)) or "would be queued"
    return _letters(relay).replay(any_id)


def _read_again(relay: Relay, kept: Undecodable, dry_run: bool) -> str:
    try:
        job = SendJob.decode(json.loads(kept.body))
        if dry_run:
            return "would be queued"
        accepted = relay.enqueuer.enqueue(job)
    except json.JSONDecodeError:
        return "not a job: its body is not JSON"
    except Rejection as rejection:
        return f"refused again: {rejection}"
    relay.store.drop_undecodable(kept)
    return f"queued as {accepted.message_id}"


def _letters(relay: Relay) -> DeadLetters:
    return DeadLetters(relay.store, relay.enqueuer)


def _filter(
    state: str | None, lane: str | None, code: str | None, app: str | None, template: str | None, hours: float | None
) -> Filter:
    since = 0 if hours is None else int((time.time() - hours * 3600) * 1000)
    return Filter(since, State(state) if state else None, Lane(lane) if lane else None, code, app, template)


def _kept(relay: Relay, kept_id: str) -> Undecodable:
    kept = next((one for one in relay.store.undecodable() if one.kept_id == kept_id), None)
    if kept is None:
        raise click.ClickException("no job is kept under this id; a message is shown by `smsrelay show`")
    return kept


def _as_json(reading: Reading, relay: Relay) -> dict[str, object]:
    record = reading.record
    return {
        "message_id": record.message_id,
        "lane": record.lane.value,
        "state": record.state.value,
        "attempts": record.attempt,
        "code": last_code(record),
        "at": record.timeline[-1].at,
        "why": story(record, relay.policy)[-1].text,
        "replayable": obstacle_to_replay(reading) is None,
    }


def _print(found: list[Reading], kept: list[Undecodable], relay: Relay) -> None:
    console = wide_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("message", "ended (UTC)", "lane", "state", "why", "replay"):
        table.add_column(title, overflow="fold")
    for reading in found:
        row = _as_json(reading, relay)
        ended = clock(reading.record.timeline[-1].at)
        possible = obstacle_to_replay(reading) or "possible"
        table.add_row(str(row["message_id"]), ended, str(row["lane"]), str(row["state"]), str(row["why"]), possible)
    for one in kept:
        table.add_row(one.kept_id, clock(one.at), "", "unread", f"{one.queue}: {one.reason}", "reads it again")
    console.print(table if found or kept else "nothing is dead")
