"""``smsrelay receiver``: runs the server that takes the vendor's callbacks."""

import click

from smsrelay import logs
from smsrelay.cli.errors import process_errors, require_free_port
from smsrelay.receiver.server import serve_receiver
from smsrelay.receiver.settings import ReceiverSettings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8025, show_default=True, help="Port to listen on.")
def receiver(host: str, port: int) -> None:
    """Take the vendor's status callbacks and put them on the queue."""
    logs.set_up()
    with process_errors():
        settings = ReceiverSettings()
        require_free_port(host, port)
        serve_receiver(settings, host, port)
