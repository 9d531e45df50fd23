"""``smsrelay metrics``: serves Prometheus until it is stopped.

Exit code 2: the address cannot be used.
"""

import click

from smsrelay.cli.errors import cli_errors, require_free_port
from smsrelay_worker.operations.metrics.server import serve_metrics
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=9808, show_default=True, help="Port to listen on; 0 picks one.")
def metrics(host: str, port: int) -> None:
    """Serve counters, histograms and the numbers of `smsrelay status` to Prometheus.

    Each scrape reads the store.
    """
    with cli_errors():
        operations = Operations.wire(OperatorSettings())
        require_free_port(host, port)
        serve_metrics(operations, host, port, lambda bound: click.echo(f"http://{host}:{bound}/metrics"))
