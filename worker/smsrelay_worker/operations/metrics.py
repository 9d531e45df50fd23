"""Prometheus metrics: the numbers of ``smsrelay status`` as gauges, read from the store at each scrape.

Labels are lanes, queues, sinks, apps, countries, template ids, status codes and halted parts of the traffic, never a phone number
or a parameter. While the store does not answer, a scrape succeeds with ``smsrelay_store_up 0`` and nothing else.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from smsrelay.broker.queues import QUEUES
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.traffic.halts import HaltedPart
from smsrelay_worker.operations.sinks import Condition, SinkOverview
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.worker_registry import WorkerProcess

_FUSES = 50  # that are labels at most


class RelayCollector(Collector):
    """Reads the overview at each scrape."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def collect(self) -> Iterator[Metric]:
        """The gauges of one scrape."""
        try:
            overview = StatusOverview.read(self._operations)
        except StoreUnavailable:
            yield _gauge("store_up", "Whether the store answered this scrape.", 0)
            return
        yield _gauge("store_up", "Whether the store answered this scrape.", 1)
        yield from _rate_gauges(overview.rate)
        yield _labelled(
            "waiting",
            "Messages queued and not taken by a worker yet.",
            "lane",
            {lane.value: count for lane, count in overview.waiting.items()},
        )
        yield from _halt_gauges(overview.halted_parts)
        yield _gauge("put_off", "Messages deferred by a halt.", overview.put_off)
        yield _gauge("not_final", "Messages that have not reached a final state.", overview.not_final)
        yield _gauge("reports_not_applied", "Status reports received and not applied yet.", overview.reports)
        yield _gauge("dead", "Messages that failed or ended unknown, within the retention.", overview.dead)
        yield _labelled("workers", "Live worker processes.", "queue", _by_queue(overview.workers))
        yield from _sink_gauges(overview.sinks)
        yield _labelled("suppressed", "Numbers that want no marketing.", "list", overview.suppressed)
        yield from _pumping_gauges(overview)
        yield _labelled("unlisted_reports", "Status reports whose code has no row in the policy.", "code", overview.unlisted)

    def describe(self) -> Iterator[Metric]:
        """Empty, so that registering the collector does not read the store."""
        return iter(())


def serve_metrics(operations: Operations, host: str, port: int, serving: Callable[[int], None]) -> None:
    """Serve until the process is stopped; calls ``serving`` with the bound port. Raises ``OSError`` if the address is taken."""
    registry = CollectorRegistry()
    registry.register(RelayCollector(operations))
    server, thread = start_http_server(port, host, registry)
    serving(server.server_port)
    thread.join()


def _rate_gauges(state: RateState) -> Iterator[Metric]:
    yield _gauge("rate_configured", "Configured rate, in submits per second.", state.configured)
    yield _gauge("rate_current", "Current rate, lower than configured for a while after the vendor throttled.", state.current)
    yield _labelled("rate_template", "Rate limit of a template, in submits per second.", "template", state.templates)
    yield _gauge("halted", "1 while submits are halted because the vendor rejects all of them.", int(state.halted is not None))
    yield _gauge("circuit_open", "1 while the circuit is open because the vendor is failing.", int(state.circuit is not None))


def _halt_gauges(parts: Sequence[HaltedPart]) -> Iterator[Metric]:
    since = {one.part: one.since / 1000 for one in parts}
    yield _labelled("halted_part_timestamp_seconds", "Since when a part of the traffic, or a campaign, is halted.", "part", since)
    yield _labelled("held", "Messages that wait until a part is resumed.", "part", {one.part: one.held for one in parts})


def _sink_gauges(sinks: Sequence[SinkOverview]) -> Iterator[Metric]:
    oldest = {one.sink: one.oldest / 1000 for one in sinks if one.oldest is not None}
    failing = {one.sink: int(one.condition is not Condition.OK) for one in sinks}
    paused = {one.sink: int(one.condition in (Condition.PAUSED, Condition.DISABLED)) for one in sinks}
    yield _labelled("outcomes_waiting", "Outcomes that a sink has not taken.", "sink", {one.sink: one.waiting for one in sinks})
    yield _labelled("outcomes_oldest_timestamp_seconds", "When the oldest outcome that waits happened.", "sink", oldest)
    yield _labelled("outcomes_failing", "1 while deliveries to a sink fail, or it is paused.", "sink", failing)
    yield _labelled("outcomes_paused", "1 while a sink is paused: after a day of failures, or an answer 410.", "sink", paused)


def _pumping_gauges(overview: StatusOverview) -> Iterator[Metric]:
    week = overview.codes_week
    accepted, used = {one.country: one.accepted for one in week}, {one.country: one.used for one in week}
    yield _labelled("codes_accepted", "Codes accepted in 7 days, by calling code; of 50 countries at most.", "country", accepted)
    yield _labelled("codes_used", "Those of them that were used, as apps say by feedback.", "country", used)
    meaning = "1 while a fuse stops an app's messages to a country."
    blown = GaugeMetricFamily("smsrelay_fuse_blown", meaning, labels=["app", "country"])
    held = GaugeMetricFamily("smsrelay_fuse_held", "Messages that a fuse holds.", labels=["app", "country"])
    for fuse in overview.fuses[:_FUSES]:
        blown.add_metric([fuse.app, fuse.country], 1)
        held.add_metric([fuse.app, fuse.country], fuse.held)
    yield blown
    yield held


def _by_queue(workers: Sequence[WorkerProcess]) -> dict[str, float]:
    """Worker processes on each queue, including queues with none."""
    return {queue: sum(queue in one.queues for one in workers) for queue in QUEUES}


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"smsrelay_{name}", meaning, value=value)


def _labelled(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"smsrelay_{name}", meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family
