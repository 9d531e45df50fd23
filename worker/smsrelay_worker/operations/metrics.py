"""Metrics: what ``smsrelay status`` shows, for Prometheus, read from the store at each scrape.

Enters: a scrape. Leaves: gauges; labels are lanes, queues, template ids and status codes, never a number or a parameter.
While the store does not answer the scrape succeeds and says only that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from smsrelay.broker.queues import QUEUES
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.operations.operator import Operator
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.worker_registry import WorkerProcess


class RelayCollector(Collector):
    """Reads the overview when it is asked."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    def collect(self) -> Iterator[Metric]:
        """One scrape."""
        try:
            overview = StatusOverview.read(self._operator)
        except StoreUnavailable:
            yield _gauge("store_up", "Whether the store answered this scrape.", 0)
            return
        yield _gauge("store_up", "Whether the store answered this scrape.", 1)
        yield from _of_rate(overview.rate)
        yield _by(
            "waiting",
            "Messages that no worker has taken yet.",
            "lane",
            {lane.value: count for lane, count in overview.waiting.items()},
        )
        yield _gauge("put_off", "Messages that a halt put off.", overview.put_off)
        yield _gauge("not_final", "Messages that are not final.", overview.agenda)
        yield _gauge("reports_not_applied", "Reports received and not applied yet.", overview.reports)
        yield _gauge("dead", "Messages that failed or ended unknown, within the retention.", overview.dead)
        yield _by("workers", "Worker processes that are alive.", "queue", _by_queue(overview.workers))
        yield _by("unlisted_reports", "Reports whose code the policy does not know.", "code", overview.unlisted)

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: registering reads no store."""
        return iter(())


def serve_metrics(operator: Operator, host: str, port: int, serving: Callable[[int], None]) -> None:
    """Serve until the process is stopped; ``serving`` is told the port. Raises ``OSError`` for an address that is taken."""
    registry = CollectorRegistry()
    registry.register(RelayCollector(operator))
    server, thread = start_http_server(port, host, registry)
    serving(server.server_port)
    thread.join()


def _of_rate(state: RateState) -> Iterator[Metric]:
    yield _gauge("rate_configured", "Submits a second that are allowed.", state.configured)
    yield _gauge("rate_current", "The same, while less after a throttled answer.", state.current)
    yield _by("rate_template", "Submits a second that a template is allowed.", "template", state.templates)
    yield _gauge("halted", "Whether the vendor refuses everything.", int(state.halted is not None))
    yield _gauge("circuit_open", "Whether nothing is submitted because the vendor fails.", int(state.circuit is not None))


def _by_queue(workers: Sequence[WorkerProcess]) -> dict[str, float]:
    """How many work on each queue, those on which nobody does among them."""
    return {queue: sum(queue in one.queues for one in workers) for queue in QUEUES}


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"smsrelay_{name}", meaning, value=value)


def _by(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"smsrelay_{name}", meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family
