"""``smsrelay webhook``: lists, tests and resumes the sinks that outcomes go to, and replays outcomes.

For Celery sinks, too. Exit code 1: a test was not taken, or nothing answered; 2: wrong input; 3: the store does not answer.
"""

import json
import time
from dataclasses import asdict

import click
from rich.table import Table

from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay_worker.cli.instants import instant
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.sink_control import SinkControl, is_taken
from smsrelay_worker.operations.sinks import Condition, SinkOverview, sink_overviews, sinks_of
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.actions.action import targets
from smsrelay_worker.terminal import wide_console


@click.group()
def webhook() -> None:
    """List, test and resume the webhooks and Celery queues that outcomes go to.

    APP is an app of the apps file, or one of its sinks, such as shop.webhook or shop.celery.
    """


@webhook.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_sinks(as_json: bool) -> None:
    """List every sink with its state and what waits for it."""
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        found = sink_overviews(operations.apps(), operations.outcomes, operations.sink_states)
    if as_json:
        for one in found:
            click.echo(json.dumps(asdict(one), ensure_ascii=False))
    else:
        _print(found)


@webhook.command()
@click.argument("app")
def test(app: str) -> None:
    """Deliver an event of type message.test to an app's sinks, from the worker, and say what it came to.

    A sink that is paused is tested, too, and stays paused until it is resumed.
    """
    with cli_errors():
        settings = OperatorSettings()
        operations = Operations.wire(settings)
        sinks = _sinks(operations, app)
        with recorded(operations.actions, "webhook test", targets("sink", sinks)) as action:
            results = _control(settings, operations).test(sinks)
            action.result = ", ".join(result or "no answer" for result in results.values())
    for sink, result in results.items():
        click.echo(f"{sink}: {result or 'no worker has tested it; is `smsrelay worker` running?'}")
    raise SystemExit(0 if all(map(is_taken, results.values())) else 1)


@webhook.command()
@click.argument("app")
def resume(app: str) -> None:
    """End a pause, and deliver at once what waits for an app's sinks, whatever failed before."""
    with cli_errors():
        settings = OperatorSettings()
        operations = Operations.wire(settings)
        for sink in _sinks(operations, app):
            with recorded(operations.actions, "webhook resume", f"sink:{sink}") as action:
                resumed = _control(settings, operations).resume(sink)
                action.result = resumed.text
            click.echo(f"{sink}: {resumed.text}")
            if resumed.no_broker:
                click.echo(resumed.no_broker, err=True)


@webhook.command()
@click.argument("app")
@click.option("--since", required=True, help="How far back: 30m, 2h, 3d, or an instant, such as 2026-11-28T09:00:00+08:00.")
@click.option("--dry-run", is_flag=True, help="Only count.")
def replay(app: str, since: str, dry_run: bool) -> None:
    """Deliver the last outcome of an app's final messages again, with the id and revision that it had.

    Looks through all records of the store, as far back as the retention reaches. An app that drops repetitions by id notices
    nothing.
    """
    start = instant("--since", since, time.time)
    with cli_errors():
        settings = OperatorSettings()
        operations = Operations.wire(settings)
        sinks = _sinks(operations, app)
        owner = next(name for name, one in operations.apps().items() if sinks[0] in one.sinks.values())
        with recorded(operations.actions, "webhook replay", targets("sink", sinks), many=not dry_run) as action:
            action.recorded = not dry_run
            counts = operations.replay().replay(owner, sinks, start, dry_run=dry_run)
            action.result = f"{sum(counts.values())} outcomes since {clock(start)}"
        for sink, count in counts.items():
            click.echo(f"{sink}: {count} outcomes {'would be delivered' if dry_run else 'are delivered'} again")
            if count and not dry_run and (no_broker := _control(settings, operations).hint(sink)):
                click.echo(no_broker, err=True)


def _sinks(operations: Operations, app: str) -> list[str]:
    sinks = sinks_of(operations.apps(), app)
    if not sinks:
        raise InvalidInput("the apps file (SMSRELAY_APPS) names no such app with a webhook or a Celery queue")
    return sinks


def _control(settings: OperatorSettings, operations: Operations) -> SinkControl:
    return SinkControl(operations.sink_states, operations.outcomes, settings.broker_url)


def _print(found: tuple[SinkOverview, ...]) -> None:
    console = wide_console()
    if not found:
        console.print("no sinks: SMSRELAY_APPS names no file, or its apps want no outcomes")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("sink", "state", "waiting", "oldest (UTC)", "last answer"):
        table.add_column(title, overflow="fold")
    for one in found:
        oldest = clock(one.oldest) if one.oldest is not None else ""
        last = f"{one.status} at {clock(one.status_at)}" if one.status_at is not None else "none yet"
        table.add_row(one.sink, condition_text(one), str(one.waiting), oldest, last)
    console.print(table)


def condition_text(one: SinkOverview) -> str:
    """The condition in words, with the time since when."""
    if one.condition is Condition.OK or one.since is None:
        return one.condition.value
    return f"{one.condition.value} since {clock(one.since)}"
