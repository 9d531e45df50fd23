"""``smsrelay audit``: the action log: who changed what by a command, in the console or through the HTTP API.

Exit code 2: wrong input; 3: the store does not answer.
"""

import json
import time
from dataclasses import asdict

import click
from rich.table import Table

from smsrelay.cli.errors import cli_errors
from smsrelay_worker.cli.instants import instant
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.actions.action import Action, ActionFilter, Via
from smsrelay_worker.terminal import escaped, wide_console

_MOST = 20_000  # entries: more than the log keeps


@click.command()
@click.option("--since", help="How far back: 30m, 2h, 3d, or an instant, such as 2026-11-28T09:00:00+08:00.")
@click.option("--via", type=click.Choice([one.value for one in Via]), help="Only actions that came this way.")
@click.option("--who", default="", help="Only whose user, host, login or key id contains this.")
@click.option("--what", default="", help="Only this command: `halt`, `campaign`, `campaign pause`.")
@click.option("--target", default="", help="Only whose target contains this, such as lane:otp or a message id.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=50, show_default=True, help="Show at most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def audit(since: str | None, via: str | None, limit: int, as_json: bool, **words: str) -> None:
    """List who changed what, newest first.

    Every command that changes something, every action in the console, and changes to campaigns and suppressions through the
    HTTP API leave an entry. The log keeps about 10,000 entries of operators, and as many of API keys.
    """
    with cli_errors():
        start = instant("--since", since, time.time) if since else 0
        wanted = ActionFilter(start, Via(via) if via else None, **words)
        found = Operations.wire(OperatorSettings()).actions.read(wanted, limit=limit + 1)
    shown = found[:limit]
    if as_json:
        for one in shown:
            click.echo(json.dumps(asdict(one), ensure_ascii=False))
    else:
        _print(shown)
    if len(found) > limit:
        click.echo("there are more; --limit shows them", err=as_json)


def _print(shown: list[Action]) -> None:
    if not shown:
        click.echo("no actions")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("at (UTC)", "who", "via", "what", "target", "result"):
        table.add_column(title, overflow="fold")
    for one in shown:
        table.add_row(clock(one.at), *map(escaped, (one.who, one.via.value, one.what, one.target, one.result)))
    wide_console().print(table)
