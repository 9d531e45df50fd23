"""Serves the metrics over HTTP, in Prometheus's text format."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, start_http_server

from smsrelay_worker.operations.metrics.collector import RelayCollector
from smsrelay_worker.operations.wiring import Operations


def serve_metrics(operations: Operations, host: str, port: int, serving: Callable[[int], None]) -> None:
    """Serve until the process is stopped; calls ``serving`` with the bound port. Raises ``OSError`` if the address is taken."""
    registry = CollectorRegistry()
    registry.register(RelayCollector(operations))
    server, thread = start_http_server(port, host, registry)
    serving(server.server_port)
    thread.join()
