"""Counters and histograms: what the store has counted in the scripts that move messages. Test messages are not among it."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import Metric

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages import tally
from smsrelay.messages.checks import Bar
from smsrelay.messages.refused_job import RefusedJob
from smsrelay_worker.messages.report_tally import ReportResult
from smsrelay_worker.operations.metrics.families import counter, histogram
from smsrelay_worker.store.tallies import Histogram, Tallied
from smsrelay_worker.vendors.name import VENDOR

_AT_THE_STORE = (Bar.CAP, Bar.COUNTRY, Bar.SUPPRESSED, Bar.CANCELLED)
_REASONS = (*(bar.value for bar in _AT_THE_STORE), *(reason.value for reason in RefusedJob))
_RESULTS = (*(result.value for result in ReportResult), "undecodable", "failed", "refused")

# What waited for a worker expires all at once when one comes back, and to Prometheus a series that begins with 500 has not grown.
_WITHOUT_CODE = (State.EXPIRED, State.CANCELLED, State.UNKNOWN)
_ENDED: Mapping[tuple[str, ...], float] = {
    (lane.value, state.value, tally.NO_CODE): 0 for lane in Lane for state in _WITHOUT_CODE
}


def counters(tallied: Tallied) -> Iterator[Metric]:
    """Every counter. Where all labels are known, those that nothing was counted under are 0."""
    of = tallied.family
    yield counter("accepted", "Messages accepted, by app (beyond 100: other) and lane.", ["app", "lane"], of(tally.ACCEPTED))
    meaning = "Jobs refused by the store, a worker or the API."
    yield counter("refused_jobs", meaning, ["reason"], _complete(of(tally.REFUSED), _REASONS))
    meaning = "Submits by what came of them: one an answer, and one a lease that ran out (unknown)."
    yield counter("submits", meaning, ["vendor", "lane", "kind", "code"], of(tally.SUBMITS))
    meaning = "Times that messages reached a final state, by the vendor's code."
    yield counter("final", meaning, ["lane", "state", "code"], {**_ENDED, **of(tally.FINAL)})
    yield counter("retries", "Further attempts, by the rule of the policy that leads to them.", ["rule"], of(tally.RETRIES))
    yield counter("callbacks", "Callbacks by what became of them.", ["result"], _complete(of(tally.CALLBACKS), _RESULTS))
    meaning = "Deliveries of outcomes to sinks (beyond 100: other): taken, failed and to be repeated, or dropped."
    yield counter("webhooks", meaning, ["endpoint", "result"], of(tally.WEBHOOKS))
    yield counter("capped", "Attempts deferred and codes refused by a cap.", ["rule"], of(tally.CAPPED))


def histograms(tallied: Tallied) -> Iterator[Metric]:
    """Every histogram."""
    lanes = tuple(lane.value for lane in Lane)
    meaning = "Seconds from when a message was due until its attempt began."
    yield histogram("begin_wait_seconds", meaning, "lane", _with_empty(tallied, tally.BEGIN_WAIT, lanes))
    meaning = "Seconds until the vendor answered a submit, or the time limit was over."
    yield histogram("submit_duration_seconds", meaning, "vendor", _with_empty(tallied, tally.SUBMIT, (VENDOR,)))
    meaning = "Seconds from the begin of an attempt until the report that delivered it was applied."
    yield histogram("delivery_duration_seconds", meaning, "lane", _with_empty(tallied, tally.DELIVERY, lanes))


def _complete(values: Mapping[tuple[str, ...], int], labels: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    return {**{(label,): 0 for label in labels}, **values}


def _with_empty(tallied: Tallied, name: str, labels: tuple[str, ...]) -> dict[str, Histogram]:
    bounds = tally.BOUNDS[name]
    return {**{label: Histogram(bounds, [0] * (len(bounds) + 1), 0) for label in labels}, **tallied.histograms(name)}
