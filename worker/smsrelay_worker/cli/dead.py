"""``smsrelay dead``: lists, shows and replays messages that were not delivered, and items that could not be read.

Exit code 1: there is no such message, or something was not replayed. Phone numbers and parameters are shown by nothing but
``dead show --body`` of an unreadable item.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import click
from rich.table import Table

from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.contract.lanes import Lane
from smsrelay.contract.payload_cipher import PLAIN, CannotOpen
from smsrelay.contract.state import State
from smsrelay.contract.template import load_registry
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Reading
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.cli.messages import print_message
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.messages.timeline import clock, describe_timeline
from smsrelay_worker.operations.dead_letters import DeadLetters, Filter, dead_letters, last_code, obstacle_to_replay
from smsrelay_worker.operations.unreadable import body_text, is_sealed, unreadable_items
from smsrelay_worker.operations.unreadable_replay import UnreadableReplay
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.settings import BodySettings, OperatorSettings, ReplaySettings
from smsrelay_worker.store.actions.action import message_targets
from smsrelay_worker.store.undecodable import Undecodable
from smsrelay_worker.terminal import escaped, wide_console

_LONGEST = 1_000_000  # hours, a century
_DONE = ("queued", "would be queued")
_FILTERS = (
    click.option("--state", type=click.Choice([State.FAILED.value, State.UNKNOWN.value]), help="Only messages in this state."),
    click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Only messages of this lane."),
    click.option("--code", help="Only messages whose last code is this one, such as 504."),
    click.option("--app", help="Only messages of this app."),
    click.option("--template", help="Only messages of this template id."),
    click.option("--hours", type=float, metavar="HOURS", help="Only what ended, or could not be read, in the last HOURS."),
)


def _filtered(command: Any) -> Any:
    for option in reversed(_FILTERS):
        command = option(command)
    return command


@click.group()
def dead() -> None:
    """List, show and replay dead messages and unreadable items.

    Dead messages failed or ended unknown. Unreadable items are jobs, tasks and callbacks that could not be read and were kept.
    """


@dead.command("list")
@_filtered
@click.option("--expired", is_flag=True, help="List messages that expired unsent instead; they cannot be replayed.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    help="Show at most this many messages, and this many unreadable items.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_dead(expired: bool, limit: int, as_json: bool, **filters: Any) -> None:
    """List dead messages, newest first, and unreadable items.

    Of the filters, only --hours applies to unreadable items. With any other filter they are left out and counted.
    """
    wanted = _filter(**filters)
    if expired:
        if wanted.state is not None:
            raise InvalidInput("--expired and --state cannot be combined")
        wanted = replace(wanted, state=State.EXPIRED)
    with cli_errors():
        operations, policy = _opened(settings := OperatorSettings())
        matching = dead_letters(operations.dead_letters, operations.records, wanted)
        found = [reading for reading, _ in zip(matching, range(limit + 1), strict=False)]
        kept = unreadable_items(operations.undecodable, _callbacks(settings), wanted.since)
        count = operations.dead_letters.count(expired=True)
    shown = kept if wanted.message_only_options == () else []
    if as_json:
        for reading in found[:limit]:
            click.echo(json.dumps(_as_json(reading, policy), ensure_ascii=False))
        for one in shown[:limit]:
            click.echo(json.dumps({name: value for name, value in asdict(one).items() if name != "body"}, ensure_ascii=False))
    else:
        _print(found[:limit], shown[:limit], policy, "no dead letters" if wanted == Filter() else "nothing matches")
    hidden = _Hidden(len(found) > limit, len(kept) - len(shown[:limit]), 0 if expired else count)
    for line in hidden.lines(wanted):
        click.echo(line, err=as_json)


@dead.command("show")
@click.argument("any_id")
@click.option("--body", is_flag=True, help="Also print the body of an unreadable item, with its phone number and parameters.")
def show_dead(any_id: str, body: bool) -> None:
    """Show one message with its timeline, or one unreadable item.

    ANY_ID is the id that `smsrelay dead list` shows.
    """
    with cli_errors():
        cipher = BodySettings().payload_cipher if body else PLAIN
        operations, policy = _opened(settings := OperatorSettings())
        items = unreadable_items(operations.undecodable, _callbacks(settings))
        kept = next((item for item in items if item.kept_id == any_id), None)
        reading = operations.records.read(any_id) if kept is None else None
    if kept is not None:
        click.echo(
            f"kept     {kept.kept_id} at {clock(kept.at)}\nqueue    {escaped(kept.queue)}\nreason   {escaped(kept.reason)}"
        )
        if is_sealed(kept):
            click.echo("body     encrypted; --body opens it, with SMSRELAY_PAYLOAD_KEYS")
        elif kept.body_encoding is not None:
            click.echo(f"body     {len(kept.content)} bytes that are not text, kept as {kept.body_encoding}")
        if body:
            with cli_errors(), recorded(operations.actions, "dead show --body", f"message:{kept.kept_id}") as action:
                action.result = "shown"
                try:
                    text = body_text(kept, cipher)
                except CannotOpen as closed:
                    missing = f"its body is {closed}: set SMSRELAY_PAYLOAD_KEYS as the workers have it"
                    raise click.ClickException(missing) from None
            click.echo(escaped(text))
    elif reading is not None:
        print_message(reading.record, describe_timeline(reading.record, policy), policy)
        click.echo(f"replay    {obstacle_to_replay(reading) or 'possible'}")
    else:
        raise click.ClickException("no such message or unreadable item, or its retention has ended")


@dead.command()
@_filtered
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Replay everything that matches the filters, unreadable items too.")
@click.option("--dry-run", is_flag=True, help="Only print what would happen.")
def replay(ids: tuple[str, ...], everything: bool, dry_run: bool, **filters: Any) -> None:
    """Attempt dead messages once more, and read unreadable items again.

    Give IDS, or filters, or --all. A message can be replayed until its deadline; its timeline says that it was. Unreadable items
    are replayed by id, or with --all or --hours and no other filter.
    """
    if bool(ids) == (everything or any(filters.values())):
        raise InvalidInput("give ids, or filters, or --all")
    wanted = _filter(**filters)
    with cli_errors():
        operations, _ = _opened(settings := ReplaySettings())
        letters = DeadLetters(operations.records, enqueuer := Enqueuer.connect(settings))
        inbox, registry = Inbox(open_store(settings.store, 1)), load_registry(settings.templates)
        unreadable = UnreadableReplay(
            operations.undecodable, _callbacks(settings), enqueuer, inbox, registry, _now, settings.payload_cipher
        )
        kept = {one.kept_id: one for one in unreadable.find(wanted.since)}
        matching = dead_letters(operations.dead_letters, operations.records, wanted)
        chosen = ids or [reading.record.message_id for reading in matching]
        if not ids and wanted.message_only_options == ():
            chosen = [*chosen, *kept]
        results, done = dict[str, str](), 0
        many = len(chosen) > 1 and not dry_run
        with recorded(operations.actions, "dead replay", message_targets(chosen, kept), many=many) as action:
            action.recorded = not dry_run and bool(chosen)
            for one in chosen:
                if one in kept:
                    results[one] = unreadable.replay(kept[one], dry_run, vouched=bool(ids))
                else:
                    results[one] = letters.replay(one, dry_run)
                done += _is_done(results[one])
                action.progress = action.result = f"{done:,} of {len(chosen):,} replayed"
                click.echo(f"{one}  {escaped(results[one])}")
    left = len(kept) if not ids and wanted.message_only_options else 0
    raise SystemExit(_sum_up(list(results.values()), left))


@dataclass(frozen=True, slots=True)
class _Hidden:
    """What a list does not show."""

    messages: bool  # there are more than the limit
    kept: int
    expired: int

    def lines(self, wanted: Filter) -> Iterator[str]:
        """One line for each kind."""
        if self.messages:
            yield "more messages match; raise --limit to see them"
        if self.kept:
            by_filter = f"they cannot be selected by {', '.join(wanted.message_only_options)}"
            reason = by_filter if wanted.message_only_options else "raise --limit to see them"
            yield f"{self.kept} unreadable jobs, tasks or callbacks are not shown; {reason}"
        if self.expired:
            yield f"{self.expired} messages expired; --expired lists them"


def _sum_up(results: list[str], left: int) -> int:
    """Print a summary on standard error; returns the exit code."""
    done = sum(map(_is_done, results))
    if not results:
        click.echo("nothing matches", err=True)
    else:
        click.echo(
            f"{done} of {len(results)} {'replayed' if done == len(results) else 'replayed; see above for the others'}", err=True
        )
    if left:
        click.echo(f"{left} unreadable jobs, tasks or callbacks were left out: the filters do not apply to them", err=True)
    return 0 if done == len(results) else 1


def _is_done(result: str) -> bool:
    return result.startswith(_DONE)


def _opened(settings: OperatorSettings) -> tuple[Operations, Policy]:
    return Operations.wire(settings), load_policy(settings.policy)


def _callbacks(settings: OperatorSettings) -> UnreadableCallbacks:
    return UnreadableCallbacks(open_store(settings.store, 1))


def _now() -> int:
    return time.time_ns() // 1_000_000


def _filter(
    state: str | None, lane: str | None, code: str | None, app: str | None, template: str | None, hours: float | None
) -> Filter:
    if hours is not None and not 0 < hours <= _LONGEST:
        raise InvalidInput(f"--hours: must be above 0 and at most {_LONGEST}")
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
        table.add_row(one.kept_id, clock(one.at), "", "unreadable", escaped(f"{one.queue}: {one.reason}"), "possible")
    console.print(table if found or kept else nothing)
