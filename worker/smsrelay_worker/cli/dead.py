"""``smsrelay dead``: list, show and replay what ended without a delivery, and the jobs and callbacks nobody could read.

Enters: filters or ids. Leaves: text or JSON lines; a replay that was refused ends with 1. Nothing shows a number or a parameter
but ``dead show --body`` of a job or callback nobody could read, which a person has to ask for.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import click
from rich.table import Table

from smsrelay.cli.commands import Refused, told
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.contract.template import load_registry
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.cli.messages import print_message
from smsrelay_worker.messages.timeline import clock, describe_timeline
from smsrelay_worker.operations.dead_letters import DeadLetters, Filter, dead_letters, last_code, obstacle_to_replay
from smsrelay_worker.operations.operator import Operator
from smsrelay_worker.operations.replay import Replay
from smsrelay_worker.operations.unreadable import kept_body, kept_list
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import OperatorSettings, ReplaySettings
from smsrelay_worker.store.records import Reading
from smsrelay_worker.store.undecodable import Undecodable
from smsrelay_worker.terminal import escaped, wide_console

_LONGEST = 1_000_000  # hours, a century
_DONE = ("queued", "would be queued")
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
@click.option("--expired", is_flag=True, help="What its deadline overtook, in place of what failed; none of it can be replayed.")
@click.option(
    "--limit", type=click.IntRange(0), default=50, show_default=True, help="At most so many messages, and so many kept ones."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_dead(expired: bool, limit: int, as_json: bool, **filters: Any) -> None:
    """List messages that failed or ended unknown, newest first, and jobs and callbacks nobody could read.

    Of the filters only --hours fits a job nobody could read; with any other they are left out, and counted.
    """
    wanted = _filter(**filters)
    if expired:
        if wanted.state is not None:
            raise Refused("--expired and --state exclude each other")
        wanted = replace(wanted, state=State.EXPIRED)
    with told():
        operator, policy = _opened(settings := OperatorSettings())
        matching = dead_letters(operator.dead, operator.records, wanted)
        found = [reading for reading, _ in zip(matching, range(limit + 1), strict=False)]
        kept = kept_list(operator.undecodable, _callbacks(settings), wanted.since)
        count = operator.dead.count(expired=True)
    shown = kept if wanted.about_records == () else []
    if as_json:
        for reading in found[:limit]:
            click.echo(json.dumps(_as_json(reading, policy), ensure_ascii=False))
        for one in shown[:limit]:
            click.echo(json.dumps({name: value for name, value in asdict(one).items() if name != "body"}, ensure_ascii=False))
    else:
        _print(found[:limit], shown[:limit], policy, "nothing is dead" if wanted == Filter() else "nothing matches")
    hidden = _Hidden(len(found) > limit, len(kept) - len(shown[:limit]), 0 if expired else count)
    for line in hidden.told(wanted):
        click.echo(line, err=as_json)


@dead.command("show")
@click.argument("any_id")
@click.option("--body", is_flag=True, help="Also print a kept job or callback itself, with the number and the parameters in it.")
def show_dead(any_id: str, body: bool) -> None:
    """Show a message with its timeline, or a job or callback nobody could read, by the id that the list gives it."""
    with told():
        operator, policy = _opened(settings := OperatorSettings())
        kept = next((one for one in kept_list(operator.undecodable, _callbacks(settings)) if one.kept_id == any_id), None)
        reading = operator.records.read(any_id) if kept is None else None
    if kept is not None:
        click.echo(
            f"kept     {kept.kept_id} at {clock(kept.at)}\nqueue    {escaped(kept.queue)}\nreason   {escaped(kept.reason)}"
        )
        if kept.body_encoding is not None:
            click.echo(f"body     {len(kept.content)} bytes that are no text, kept as {kept.body_encoding}")
        if body:
            click.echo(escaped(kept_body(kept)))
    elif reading is not None:
        print_message(reading.record, describe_timeline(reading.record, policy), policy)
        click.echo(f"replay    {obstacle_to_replay(reading) or 'possible'}")
    else:
        raise click.ClickException("no such message or kept job, or its retention is over")


@dead.command()
@_filtered
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Replay all that the filters leave, kept jobs too.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def replay(ids: tuple[str, ...], everything: bool, dry_run: bool, **filters: Any) -> None:
    """Attempt dead messages once more, or read kept jobs and callbacks again; each attempt's reason stands in its timeline.

    Kept ones are read again by their ids, or with --all or --hours and no other filter.
    """
    if bool(ids) == (everything or any(filters.values())):
        raise Refused("name ids, or filters, or --all")
    wanted = _filter(**filters)
    with told():
        operator, _ = _opened(settings := ReplaySettings())
        letters = DeadLetters(operator.records, enqueuer := Enqueuer.connect(settings))
        inbox, registry = Inbox(open_store(settings.store_url, 1)), load_registry(settings.templates)
        jobs = Replay(operator.undecodable, _callbacks(settings), enqueuer, inbox, registry, _now)
        kept = {one.kept_id: one for one in jobs.find(wanted.since)}
        chosen = ids or [reading.record.message_id for reading in dead_letters(operator.dead, operator.records, wanted)]
        if not ids and wanted.about_records == ():
            chosen = [*chosen, *kept]
        results = {}
        for one in chosen:
            if one in kept:
                results[one] = jobs.read_again(kept[one], dry_run, vouched=bool(ids))
            else:
                results[one] = letters.replay(one, dry_run)
            click.echo(f"{one}  {escaped(results[one])}")
    left = len(kept) if not ids and wanted.about_records else 0
    raise SystemExit(_sum_up(list(results.values()), left))


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What a list leaves out."""

    messages: bool  # more than the limit
    kept: int
    expired: int

    def told(self, wanted: Filter) -> Iterator[str]:
        """A line for each."""
        if self.messages:
            yield "more messages are not shown; --limit shows them"
        if self.kept:
            reason = f"{', '.join(wanted.about_records)} fits none of them" if wanted.about_records else "--limit shows them"
            yield f"{self.kept} jobs, tasks or callbacks nobody could read are not shown: {reason}"
        if self.expired:
            yield f"{self.expired} messages expired; --expired shows them"


def _sum_up(results: list[str], left: int) -> int:
    """Say on standard error what was done and what was not; the exit code."""
    done = sum(result.startswith(_DONE) for result in results)
    if not results:
        click.echo("nothing matches", err=True)
    else:
        click.echo(
            f"{done} of {len(results)} {'replayed' if done == len(results) else 'replayed, the others as told above'}", err=True
        )
    if left:
        click.echo(f"{left} jobs, tasks or callbacks nobody could read were left alone: the filters fit none of them", err=True)
    return 0 if done == len(results) else 1


def _opened(settings: OperatorSettings) -> tuple[Operator, Policy]:
    return Operator.wire(settings), load_policy(settings.policy)


def _callbacks(settings: OperatorSettings) -> UnreadableCallbacks:
    return UnreadableCallbacks(open_store(settings.store_url, 1))


def _now() -> int:
    return time.time_ns() // 1_000_000


def _filter(
    state: str | None, lane: str | None, code: str | None, app: str | None, template: str | None, hours: float | None
) -> Filter:
    if hours is not None and not 0 < hours <= _LONGEST:
        raise Refused(f"--hours: a number above 0, and at most {_LONGEST}")
    since = 0 if hours is None else _now() - int(hours * 3_600_000)
    return Filter(since, State(state) if state else None, Lane(lane) if lane else None, code, app, template)


def _as_json(reading: Reading, policy: Policy) -> dict[str, object]:
    record = reading.record
    return {
        "message_id": record.message_id,
        "lane": record.lane.value,
        "state": record.state.value,
        "attempts": record.attempt,
        "code": last_code(record),
        "vendor_message": record.vendor_message.text if record.vendor_message else None,
        "at": record.timeline[-1].at,
        "why": describe_timeline(record, policy)[-1].text,
        "replayable": obstacle_to_replay(reading) is None,
    }


def _print(found: list[Reading], kept: list[Undecodable], policy: Policy, nothing: str) -> None:
    console = wide_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("message", "ended (UTC)", "lane", "state", "why", "replay"):
        table.add_column(title, overflow="fold")
    for reading in found:
        row = _as_json(reading, policy)
        ended = clock(reading.record.timeline[-1].at)
        possible = obstacle_to_replay(reading) or "possible"
        table.add_row(str(row["message_id"]), ended, str(row["lane"]), str(row["state"]), str(row["why"]), possible)
    for one in kept:
        table.add_row(one.kept_id, clock(one.at), "", "unread", escaped(f"{one.queue}: {one.reason}"), "reads it again")
    console.print(table if found or kept else nothing)
