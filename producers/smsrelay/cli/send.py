"""``smsrelay send``: enqueues one SMS and prints its message id.

Exits with 2 when the job or the settings are invalid, with every problem on standard error, and with 3 when the store does not
answer.
"""

import json
from datetime import datetime
from typing import Any

import click

from smsrelay import logs
from smsrelay.cli.errors import cli_errors
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection
from smsrelay.enqueue import Enqueuer
from smsrelay.settings import ProducerSettings


@click.command()
@click.option("--to", help="E.164, or a mainland number with or without +86.")
@click.option("--template", help="The vendor's template id.")
@click.option("--param", "params", multiple=True, help="Value for {0}, {1}, …; repeat for each.")
@click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Urgency; optional for a registered template.")
@click.option("--app", "app_", help="Who is sending.")
@click.option("--reference", help="Your own id of this SMS; the same one again never sends twice.")
@click.option("--expires-in", type=int, help="Seconds after which it is no longer worth sending.")
@click.option("--not-before", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Like 2026-11-22T09:00:00+0800.")
@click.option("--ignore-send-window", is_flag=True, help="Submit it at any hour; its timeline says so.")
@click.option("--job", type=click.File("rb"), help="A whole job as JSON, from a file or - (keeps it out of the process list).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the id.")
def send(job: Any, as_json: bool, app_: str | None, params: tuple[str, ...], **fields: Any) -> None:
    """Enqueue one SMS and print its message id."""
    logs.set_up("WARNING")
    if not fields["ignore_send_window"]:  # not given, as the other fields that are None
        fields["ignore_send_window"] = None
    given = {name: value for name, value in (fields | {"app": app_}).items() if value is not None}
    with cli_errors():
        if job is not None and (given or params):
            raise Rejection.of("--job", "is the whole job; give no other field with it")
        asked = SendJob.decode(_loaded(job)) if job is not None else SendJob(**_with_zone(given), params=params)
        with Enqueuer.connect(ProducerSettings()) as enqueuer:
            accepted = enqueuer.enqueue(asked)
    if as_json:
        click.echo(json.dumps({"message_id": accepted.message_id, "lane": accepted.lane.value, "new": accepted.new}))
    else:
        click.echo(accepted.message_id)


def _with_zone(given: dict[str, Any]) -> dict[str, Any]:
    """The fields as they came; raises ``Rejection`` for an instant without a zone."""
    if isinstance(given.get("not_before"), datetime) and given["not_before"].tzinfo is None:
        raise Rejection.of("not_before", "needs a zone, like +0800")
    return given


def _loaded(job: Any) -> object:
    try:
        return json.load(job)
    except (ValueError, RecursionError):  # ValueError: not JSON, not UTF-8, or a number of more than 4300 digits
        raise Rejection.of("--job", "is not JSON") from None
