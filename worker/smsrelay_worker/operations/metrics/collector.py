"""RelayCollector: everything that Prometheus is told, read from the store at each scrape.

Labels are lanes, queues, sinks, apps, countries, hosts, template ids, codes and halted parts of the traffic, never a phone number
or a parameter, and there are never more than a bounded number of each. While the store does not answer, a scrape succeeds with
``smsrelay_store_up 0`` and nothing else.
"""

import threading
from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.operations.metrics.counters import counters, histograms
from smsrelay_worker.operations.metrics.families import gauge
from smsrelay_worker.operations.metrics.gauges import overview_gauges
from smsrelay_worker.operations.metrics.hosts import host_gauges
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.store.tallies import Tallied

_UP = "store_up", "Whether the store answered this scrape."


class RelayCollector(Collector):
    """Reads the store at each scrape; scrapes may come at the same time."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._lock = threading.Lock()
        self._told = Tallied()

    def collect(self) -> Iterator[Metric]:
        """The metrics of one scrape."""
        try:
            overview = StatusOverview.read(self._operations)
            receivers, tallied = self._operations.receiver_registry.receivers(), self._tallied()
        except StoreUnavailable:
            yield gauge(*_UP, 0)
            return
        yield gauge(*_UP, 1)
        yield from overview_gauges(overview, tallied.in_flight())
        yield from host_gauges(overview.workers, receivers)
        yield from counters(tallied)
        yield from histograms(tallied)

    def describe(self) -> Iterator[Metric]:
        """Empty, so that registering the collector does not read the store."""
        return iter(())

    def _tallied(self) -> Tallied:
        with self._lock:
            self._told = self._operations.tallies.read().never_below(self._told)
            return self._told
