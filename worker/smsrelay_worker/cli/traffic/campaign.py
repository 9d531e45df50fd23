"""``smsrelay campaign``: lists campaigns with their progress, and pauses, resumes and cancels them.

Exit code 1: there is no such campaign, or it was cancelled; 2: wrong input; 3: the store does not answer. However ``cancel``
ends, workers finish it, and it may be run again.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click
from rich.table import Table

from smsrelay.cli.errors import cli_errors
from smsrelay.messages.progress import CampaignProgress
from smsrelay.store.traffic.campaigns import PAGE
from smsrelay.store.traffic.halts import Effect, campaign_part
from smsrelay_worker.cli.recorded import recorded
from smsrelay_worker.cli.traffic.named_campaign import NO_SUCH_CAMPAIGN, named_campaign
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.status import given_rate
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.terminal import wide_console

_POLL = 0.5  # seconds between looks while a worker cancels
_NICE = 10  # workers on the same host come first
_EVERY = 100_000  # messages after which a line says how far it is, where there is no terminal
_APP = click.option(
    "--app", "app_", default="", help="Whose campaign it is; not needed while one app has a campaign of this name."
)


@click.group()
def campaign() -> None:
    """List, watch, pause, resume and cancel campaigns.

    A campaign is what `smsrelay bulk` enqueues, and any jobs that name one.
    """


@campaign.command("list")
@click.option("--app", "app_", default="", help="Only campaigns of this app.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Show at most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_campaigns(app_: str, limit: int, as_json: bool) -> None:
    """List campaigns, the one that accepted a message last first."""
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        found = list(_pages(operations, app_, limit))
    if as_json:
        for one in found:
            click.echo(json.dumps(_as_json(one), ensure_ascii=False))
    else:
        _print(found)


@campaign.command()
@click.argument("name")
@_APP
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(name: str, app_: str, as_json: bool) -> None:
    """Show how far a campaign is."""
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        found = _progress(operations, named_campaign(operations, name, app_))
    if as_json:
        click.echo(json.dumps(_as_json(found), ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_lines(found)))


@campaign.command()
@click.argument("name")
@_APP
def pause(name: str, app_: str) -> None:
    """Begin no further attempt of a campaign until it is resumed; attempts that have begun go on."""
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        full_name = named_campaign(operations, name, app_)
        with recorded(operations.actions, "campaign pause", campaign_part(full_name)) as action:
            effect = _possible(operations.campaigns.pause(full_name))
            action.result = "done" if effect is Effect.DONE else "was paused before"
        found = _progress(operations, full_name)
    click.echo(f"{'paused' if effect is Effect.DONE else 'was paused before'}: {found.waiting:,} messages wait")


@campaign.command()
@click.argument("name")
@_APP
def resume(name: str, app_: str) -> None:
    """Resume a paused campaign. What waited becomes due one after the other, at the rate."""
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        full_name = named_campaign(operations, name, app_)
        rate = operations.limiter.state(given_rate(operations.worker_registry.processes())).configured
        with recorded(operations.actions, "campaign resume", campaign_part(full_name)) as action:
            effect = _possible(operations.campaigns.resume(full_name))
            action.result = "done" if effect is Effect.DONE else "was not paused"
            released = operations.held_messages.release_all(campaign_part(full_name), rate)
    click.echo("resumed" if effect is Effect.DONE else "was not paused")
    if released:
        click.echo(f"due from now on at {rate:g} a second: {released:,}")


@campaign.command()
@click.argument("name")
@_APP
def cancel(name: str, app_: str) -> None:
    """Cancel every message of a campaign that no attempt has begun, and accept no further one of it.

    It cannot be undone. Workers finish it if the command is stopped; run again, it shows how far it is.
    """
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        full_name = named_campaign(operations, name, app_)
        with recorded(operations.actions, "campaign cancel", campaign_part(full_name)) as action:
            effect = operations.campaigns.cancel(full_name)
            if effect is Effect.NO_SUCH_CAMPAIGN:
                raise click.ClickException(NO_SUCH_CAMPAIGN)
            action.result = "done" if effect is Effect.DONE else "was cancelled before"
        try:
            _cancel_all(operations, full_name)
        except KeyboardInterrupt:
            click.echo("stopped; it is cancelled, and workers cancel what is left", err=True)
            raise click.exceptions.Exit(130) from None
        found = _progress(operations, full_name)
    click.echo(f"cancelled: {found.cancelled:,} of {found.accepted:,} messages")
    if going_on := found.waiting + found.under_way:
        click.echo(f"an attempt of {going_on:,} had begun: these go on")


def _cancel_all(operations: Operations, full_name: str) -> None:
    os.nice(_NICE)
    page = operations.campaign_cancel.step(full_name)
    if page.finished:
        return
    with click.progressbar(length=page.total, label="cancelling", file=sys.stderr) as bar:
        shown, rest = 0, 0.0
        while not page.finished:
            bar.update(page.walked - bar.pos)
            if page.walked - shown >= _EVERY and not sys.stderr.isatty():
                shown = page.walked
                click.echo(f"{page.walked:,} of {page.total:,} messages", err=True)
            time.sleep(_POLL if page.busy else rest)
            began = time.monotonic()
            page = operations.campaign_cancel.step(full_name)
            rest = time.monotonic() - began  # so that the store keeps half of the time for others
        bar.update(page.total - bar.pos)


def _progress(operations: Operations, full_name: str) -> CampaignProgress:
    found = operations.campaigns.progress([full_name])
    if not found:
        raise click.ClickException(NO_SUCH_CAMPAIGN)
    return found[0]


def _possible(effect: Effect) -> Effect:
    if effect is Effect.CANCELLED:
        raise click.ClickException("it was cancelled, which cannot be undone")
    if effect is Effect.NO_SUCH_CAMPAIGN:
        raise click.ClickException(NO_SUCH_CAMPAIGN)
    return effect


def _pages(operations: Operations, app: str, limit: int) -> Iterator[CampaignProgress]:
    for skip in range(0, limit, PAGE):
        names = operations.campaigns.names(app=app, skip=skip, limit=min(PAGE, limit - skip))
        yield from operations.campaigns.progress(names)
        if len(names) < PAGE:
            return


def _as_json(progress: CampaignProgress) -> dict[str, Any]:
    instants = {"started_at": progress.started_at.isoformat(), "last_accepted_at": progress.last_accepted_at.isoformat()}
    return asdict(progress) | instants


def _print(found: list[CampaignProgress]) -> None:
    if not found:
        click.echo("no campaigns; `smsrelay bulk` and jobs that name one make them")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("campaign", "app", "state", "began (UTC)"):
        table.add_column(title, overflow="fold")
    for title in ("accepted", "waiting", "under way", "delivered", "failed", "other ends"):
        table.add_column(title, justify="right")
    for one in found:
        others = one.expired + one.cancelled + one.unknown
        counts = (one.accepted, one.waiting, one.under_way, one.delivered, one.failed, others)
        began = clock(int(one.started_at.timestamp() * 1000))
        table.add_row(one.name, one.app, one.state.value, began, *(f"{count:,}" for count in counts))
    wide_console().print(table)


def _lines(found: CampaignProgress) -> Iterator[str]:
    yield f"campaign {found.name} of app {found.app}: {found.state.value}"
    began, last = (f"{instant:%Y-%m-%d %H:%M:%S}" for instant in (found.started_at, found.last_accepted_at))
    yield f"accepted: {found.accepted:,}, from {began} to {last} UTC"
    held = f" ({found.held:,} held by the pause)" if found.held else ""
    yield f"waiting: {found.waiting:,}{held}"
    if found.to_cancel:
        yield "workers are cancelling what waits"
    for name in ("submitting", "submitted", "uncertain", "delivered", "failed", "expired", "cancelled", "unknown"):
        count = getattr(found, name)
        if count or name == "delivered":
            yield f"{name}: {count:,}"
    for code, count in sorted(found.failed_by.items(), key=lambda one: -one[1]):
        yield f"failed by {code or 'no code'}: {count:,}"
