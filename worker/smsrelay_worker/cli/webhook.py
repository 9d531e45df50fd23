"""``smsrelay webhook``: lists, tests and resumes the sinks that outcomes go to, and replays outcomes.

For Celery sinks, too. Exit code 1: a test was not taken, or nothing answered; 2: wrong input; 3: the store does not answer.
"""

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

import click
from rich.table import Table

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import OUTCOME, TaskMessage
from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.contract.lanes import OUTCOME_QUEUE
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.sinks import Condition, SinkOverview, sink_overviews, sinks_of
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.sinks.outcomes import LEASE
from smsrelay_worker.terminal import wide_console

_PATIENCE = 30.0  # seconds to wait for the result of a test, which may take its time-out of 15
_POLL = 0.2
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TAKEN = re.compile(r"2\d\d|published")


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
        asked = {sink: secrets.token_hex(8) for sink in _sinks(operations, app)}
        for sink, token in asked.items():
            _publish(settings, {"sink": sink, "test": token})
        results = {sink: _result(operations, token) for sink, token in asked.items()}
    for sink, result in results.items():
        click.echo(f"{sink}: {result or 'no worker has tested it; is `smsrelay worker` running?'}")
    raise SystemExit(0 if all(result and _TAKEN.fullmatch(result) for result in results.values()) else 1)


@webhook.command()
@click.argument("app")
def resume(app: str) -> None:
    """End a pause, and deliver at once what waits for an app's sinks, whatever failed before."""
    with cli_errors():
        settings = OperatorSettings()
        operations = Operations.wire(settings)
        for sink in _sinks(operations, app):
            before = operations.sink_states.resume(sink)
            due = operations.outcomes.due_now(sink, LEASE)
            was = "resumed" if before is not None and before.paused_at is not None else "was not paused"
            click.echo(f"{sink}: {was}; {due} outcomes are due now")
            _hint(settings, sink)


@webhook.command()
@click.argument("app")
@click.option("--since", required=True, help="How far back: 30m, 2h, 3d, or an instant, such as 2026-11-28T09:00:00+08:00.")
@click.option("--dry-run", is_flag=True, help="Only count.")
def replay(app: str, since: str, dry_run: bool) -> None:
    """Deliver the last outcome of an app's final messages again, with the id and revision that it had.

    Looks through all records of the store, as far back as the retention reaches. An app that drops repetitions by id notices
    nothing.
    """
    start = _instant(since, time.time)
    with cli_errors():
        settings = OperatorSettings()
        operations = Operations.wire(settings)
        sinks = _sinks(operations, app)
        owner = next(name for name, one in operations.apps().items() if sinks[0] in one.sinks.values())
        counts = operations.replay().replay(owner, sinks, start, dry_run=dry_run)
        for sink, count in counts.items():
            click.echo(f"{sink}: {count} outcomes {'would be delivered' if dry_run else 'are delivered'} again")
            if count and not dry_run:
                _hint(settings, sink)


def _sinks(operations: Operations, app: str) -> list[str]:
    sinks = sinks_of(operations.apps(), app)
    if not sinks:
        raise InvalidInput("the apps file (SMSRELAY_APPS) names no such app with a webhook or a Celery queue")
    return sinks


def _publish(settings: OperatorSettings, arguments: dict[str, str]) -> None:
    with Publisher(settings.broker_url, 1) as publisher:
        publisher.publish(TaskMessage(OUTCOME, OUTCOME_QUEUE, arguments, repr(arguments)))


def _hint(settings: OperatorSettings, sink: str) -> None:
    """Wake a worker. If the broker does not answer, workers deliver by themselves within a minute."""
    try:
        _publish(settings, {"sink": sink})
    except BrokerUnavailable as error:
        click.echo(f"{error}; workers deliver it by themselves within a minute", err=True)


def _result(operations: Operations, token: str) -> str | None:
    until = time.monotonic() + _PATIENCE
    while (result := operations.sink_states.test_result(token)) is None and time.monotonic() < until:
        time.sleep(_POLL)
    return result


def _instant(text: str, now: Callable[[], float]) -> int:
    """Ms since the epoch: an instant with a zone, or a duration before now."""
    if duration := re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII):
        return int((now() - int(duration[1]) * _UNITS[duration[2]]) * 1000)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidInput("--since: must be a duration, such as 30m, 2h or 3d, or an instant with a zone")
    return int(instant.timestamp() * 1000)


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
