"""The commands an app's developer and a receiver need: ``send``, ``receiver``, ``schema``.

Enters: arguments of a command line. Leaves: ids on standard output. Wrong input ends with 2 and every problem on standard error,
an absent store or broker with 3.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from smsrelay import logs
from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.character import escaped
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection
from smsrelay.enqueue import Enqueuer
from smsrelay.receiver.server import serve_receiver
from smsrelay.settings import ProducerSettings, SettingsError
from smsrelay.store.connection import StoreUnavailable


class Refused(click.ClickException):
    """Wrong input: arguments, a file, the environment."""

    exit_code = 2


class Away(click.ClickException):
    """Store or broker do not answer."""

    exit_code = 3


def refuse_taken(host: str, port: int) -> None:
    """Raises ``Refused`` for an address at which nobody can listen now; those who listen say it with a traceback, or in a log."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        raise Refused(f"cannot listen at {host}, port {port}: {error.strerror}") from None


@contextmanager
def told() -> Iterator[None]:
    """Turns what can go wrong into a sentence and an exit code."""
    try:
        yield
    except Rejection as rejection:
        raise Refused("refused\n" + "\n".join(f"  {escaped(str(problem))}" for problem in rejection.problems)) from None
    except SettingsError as error:
        raise Refused(f"wrong settings\n{error}") from None
    except (StoreUnavailable, BrokerUnavailable) as error:
        raise Away(str(error)) from None
    except OSError as error:
        raise Refused(escaped(f"{error.filename}: {error.strerror}" if error.filename else str(error))) from None


@click.command()
@click.option("--to", help="E.164, or a mainland number with or without +86.")
@click.option("--template", help="Template id of the vendor.")
@click.option("--param", "params", multiple=True, help="Value for {0}, {1}, …; once for each.")
@click.option("--lane", type=click.Choice([lane.value for lane in Lane]), help="Urgency; optional for a registered template.")
@click.option("--app", "app_", help="Who is sending.")
@click.option("--reference", help="Your own id of this SMS; the same one again never sends twice.")
@click.option("--expires-in", type=int, help="Seconds after which it is no longer worth sending.")
@click.option("--not-before", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Like 2026-11-22T09:00:00+0800.")
@click.option("--job", type=click.File("rb"), help="A whole job as JSON, from a file or - (keeps it out of the process list).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the id.")
def send(job: Any, as_json: bool, app_: str | None, params: tuple[str, ...], **fields: Any) -> None:
    """Enqueue one SMS and print its message id."""
    logs.set_up("WARNING")
    given = {name: value for name, value in (fields | {"app": app_}).items() if value is not None}
    with told():
        if job is not None and (given or params):
            raise Rejection.of("--job", "brings the whole job; give no other field beside it")
        asked = SendJob.decode(_loaded(job)) if job is not None else SendJob(**_required(given), params=params)
        with Enqueuer.connect(ProducerSettings()) as enqueuer:
            accepted = enqueuer.enqueue(asked)
    if as_json:
        click.echo(json.dumps({"message_id": accepted.message_id, "lane": accepted.lane.value, "new": accepted.new}))
    else:
        click.echo(accepted.message_id)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8025, show_default=True)
def receiver(host: str, port: int) -> None:
    """Take the vendor's status callbacks and put them on the queue."""
    with told():
        settings = ProducerSettings()
        refuse_taken(host, port)
        serve_receiver(settings, host, port)


@click.command()
@click.argument("name", type=click.Choice(["send-job", "status-event"]))
def schema(name: str) -> None:
    """Print the JSON Schema of a value on the wire."""
    model = SendJob if name == "send-job" else StatusEvent
    click.echo(json.dumps(model.model_json_schema(), ensure_ascii=False, indent=2))


def _required(given: dict[str, Any]) -> dict[str, Any]:
    if isinstance(given.get("not_before"), datetime) and given["not_before"].tzinfo is None:
        raise Rejection.of("not_before", "needs a zone, like +0800")
    return given


def _loaded(job: Any) -> object:
    try:
        return json.load(job)
    except (ValueError, RecursionError):  # ValueError: not JSON, not UTF-8, or a number of more than 4300 digits
        raise Rejection.of("--job", "is not JSON") from None
