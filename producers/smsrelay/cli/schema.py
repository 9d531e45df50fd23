"""``smsrelay schema``: prints the JSON Schema of a value on the wire."""

import json

import click

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.job import SendJob


@click.command()
@click.argument("name", type=click.Choice(["send-job", "status-event"]))
def schema(name: str) -> None:
    """Print the JSON Schema of a value on the wire."""
    model = SendJob if name == "send-job" else StatusEvent
    click.echo(json.dumps(model.model_json_schema(), ensure_ascii=False, indent=2))
