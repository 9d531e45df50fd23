"""``smsrelay api``: runs the server of the HTTP API."""

import click

from smsrelay.cli.errors import process_errors, require_free_port
from smsrelay_worker.api.server import serve_api
from smsrelay_worker.settings import ApiSettings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port to listen on.")
def api(host: str, port: int) -> None:
    """Serve the HTTP API, through which apps in any language send SMS with keys of their own."""
    with process_errors():
        settings = ApiSettings()
        require_free_port(host, port)
        serve_api(settings, host, port)
