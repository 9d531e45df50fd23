"""``smsrelay waiting``: lists the messages that wait, until when, and what for.

Exit code 2: wrong input; 3: the store does not answer.
"""

import json
from dataclasses import asdict
from itertools import islice

import click
from rich.table import Table

from smsrelay.cli.errors import cli_errors
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.cli.traffic.named_campaign import named_campaign
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.waiting import NOT_FINAL, WAITING, WaitingFilter, WaitingMessage, waiting_messages
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.terminal import escaped, wide_console


@click.command()
@click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Only this lane.")
@click.option("--app", "app_", help="Only this app.")
@click.option("--template", help="Only this template id.")
@click.option("--campaign", help="Only this campaign; with --app, of that app.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in NOT_FINAL]),
    help=f"Only this state; default: {' and '.join(state.value for state in WAITING)}.",
)
@click.option("--held", metavar="PART", help="Only what waits until PART is resumed, such as lane:otp or campaign:shop/spring.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Show at most this many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def waiting(campaign: str | None, state: str | None, held: str | None, limit: int, as_json: bool, **chosen: str | None) -> None:
    """List the messages that wait: until when, and what for.

    Those whose time comes first come first. It reads every waiting message until enough of them match.
    """
    names = {"lane": "lane", "template": "tpl", "app_": "app"}
    fields = {names[option]: value for option, value in chosen.items() if value is not None}
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        wanted = WaitingFilter(
            states=(State(state),) if state else WAITING,
            fields=fields,
            campaign=named_campaign(operations, campaign, chosen["app_"] or "") if campaign else None,
            held=held,
        )
        found = list(islice(waiting_messages(operations.agenda, operations.records, wanted), limit + 1))
    shown = found[:limit]
    if as_json:
        for one in shown:
            click.echo(json.dumps(asdict(one), ensure_ascii=False))
    else:
        _print(shown, more=len(found) > limit)


def _print(shown: list[WaitingMessage], *, more: bool) -> None:
    if not shown:
        click.echo("nothing waits")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("message", "state", "lane", "template", "app", "campaign", "due (UTC)", "expires (UTC)", "waits for"):
        table.add_column(title, overflow="fold")
    for one in shown:
        due = clock(one.due) if one.due is not None else ""
        campaign = escaped(one.campaign or "")
        table.add_row(
            one.message_id, one.state, one.lane, one.template, one.app, campaign, due, clock(one.expires_at), escaped(one.why)
        )
    wide_console().print(table)
    if more:
        click.echo("there are more; --limit shows them")
