"""Gauges: the numbers of ``smsrelay status``, as they are at the scrape."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from smsrelay.broker.queues import QUEUES
from smsrelay.contract.lanes import Lane
from smsrelay.store.traffic.halts import HaltedPart
from smsrelay_worker.operations.metrics.families import bounded, gauge, labelled
from smsrelay_worker.operations.sinks import Condition, SinkOverview
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.worker_registry import WorkerProcess

_FUSES = 50  # that are labels at most
_PARTS = 100  # likewise, halted: a paused campaign is one
_CODES = 50  # likewise, of codes without a row in the policy
_OPERATOR = "operator"  # in place of a code, of a halt by command


def overview_gauges(overview: StatusOverview, in_flight: Mapping[Lane, int]) -> Iterator[Metric]:
    """Every gauge of the overview; ``in_flight``: attempts by lane."""
    yield gauge(
        "store_writable", "0 while the store refuses writes: it is full, or its disk fails.", int(overview.unwritable is None)
    )
    yield from _rate_gauges(overview.rate)
    yield from _lane_gauges(overview, in_flight)
    yield from _halt_gauges(overview.halted_parts)
    yield gauge("put_off", "Messages deferred by a halt.", overview.put_off)
    yield gauge("not_final", "Messages that have not reached a final state.", overview.not_final)
    yield gauge("reports_not_applied", "Status reports received and not applied yet.", overview.reports)
    yield gauge("dead", "Messages that failed or ended unknown, within the retention.", overview.dead)
    yield labelled("workers", "Live worker processes.", "queue", _by_queue(overview.workers))
    yield from _sink_gauges(overview.sinks)
    yield labelled("suppressed", "Numbers that want no marketing.", "list", bounded(overview.suppressed))
    yield from _pumping_gauges(overview)
    kept = {"job": overview.kept.jobs, "callback": overview.kept.callbacks}
    yield labelled("undecodable", "Jobs (tasks and reports too) and callbacks that are kept for a person.", "kind", kept)
    codes = dict(sorted(overview.unlisted.items())[:_CODES])
    yield labelled("unlisted_reports", "Status reports whose code has no row in the policy.", "code", codes)


def _rate_gauges(state: RateState) -> Iterator[Metric]:
    yield gauge("rate_configured", "Configured rate, in submits per second.", state.configured)
    yield gauge("rate_current", "Current rate, lower than configured for a while after the vendor throttled.", state.current)
    yield labelled("rate_template", "Rate limit of a template, in submits per second.", "template", state.templates)
    yield gauge("halted", "1 while submits are halted because the vendor rejects all of them.", int(state.halted is not None))
    since = {(_OPERATOR if state.halted.by_operator else state.halted.code): state.halted.since / 1000} if state.halted else {}
    meaning = "Since when all submits are halted, by the vendor's code, or by an operator."
    yield labelled("halt_timestamp_seconds", meaning, "code", since)
    yield gauge("circuit_open", "1 while the circuit is open because the vendor is failing.", int(state.circuit is not None))


def _lane_gauges(overview: StatusOverview, in_flight: Mapping[Lane, int]) -> Iterator[Metric]:
    meaning = "Messages queued and not taken by a worker yet."
    yield labelled("waiting", meaning, "lane", {lane.value: count for lane, count in overview.waiting.items()})
    meaning = "Since when the oldest message that waits has been due; absent while none waits."
    oldest = {lane.value: wait.since / 1000 for lane, wait in overview.oldest.items()}
    yield labelled("oldest_waiting_timestamp_seconds", meaning, "lane", oldest)
    meaning = "How long a message may wait before status, doctor and the alerts say so."
    yield labelled("waiting_bound_seconds", meaning, "lane", {lane.value: bound for lane, bound in overview.wait_bounds.items()})
    meaning = "Attempts that have begun and are not answered, reported or given up."
    yield labelled("in_flight", meaning, "lane", {lane.value: count for lane, count in in_flight.items()})


def _halt_gauges(parts: Sequence[HaltedPart]) -> Iterator[Metric]:
    oldest = sorted(parts, key=lambda one: one.since)[:_PARTS]
    since = {one.part: one.since / 1000 for one in oldest}
    yield labelled("halted_part_timestamp_seconds", "Since when a part of the traffic, or a campaign, is halted.", "part", since)
    yield labelled("held", "Messages that wait until a part is resumed.", "part", bounded({one.part: one.held for one in parts}))


def _sink_gauges(sinks: Sequence[SinkOverview]) -> Iterator[Metric]:
    oldest = {one.sink: one.oldest / 1000 for one in sinks if one.oldest is not None}
    failing = {one.sink: int(one.condition is not Condition.OK) for one in sinks}
    paused = {one.sink: int(one.condition in (Condition.PAUSED, Condition.DISABLED)) for one in sinks}
    yield labelled("outcomes_waiting", "Outcomes that a sink has not taken.", "sink", {one.sink: one.waiting for one in sinks})
    yield labelled("outcomes_oldest_timestamp_seconds", "When the oldest outcome that waits happened.", "sink", oldest)
    yield labelled("outcomes_failing", "1 while deliveries to a sink fail, or it is paused.", "sink", failing)
    yield labelled("outcomes_paused", "1 while a sink is paused: after a day of failures, or an answer 410.", "sink", paused)


def _pumping_gauges(overview: StatusOverview) -> Iterator[Metric]:
    week = overview.codes_week
    accepted, used = {one.country: one.accepted for one in week}, {one.country: one.used for one in week}
    yield labelled("codes_accepted", "Codes accepted in 7 days, by calling code; of 50 countries at most.", "country", accepted)
    yield labelled("codes_used", "Those of them that were used, as apps say by feedback.", "country", used)
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
