"""Families of metrics, in the terms of the Prometheus client. Every name begins with ``smsrelay_``."""

from collections.abc import Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from smsrelay_worker.store.tallies import Histogram

_PREFIX = "smsrelay_"
_MOST = 100  # series by a name that somebody outside chose
OTHER = "other"


def gauge(name: str, meaning: str, value: float) -> Metric:
    """A gauge without labels."""
    return GaugeMetricFamily(_PREFIX + name, meaning, value=value)


def labelled(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    """A gauge with one label; ``values`` by label."""
    family = GaugeMetricFamily(_PREFIX + name, meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family


def bounded(values: Mapping[str, float]) -> dict[str, float]:
    """A gauge's values under names that somebody outside chose: the hundred largest, and the sum of all others."""
    ordered = sorted(values.items(), key=lambda one: -one[1])
    others = sum(value for _, value in ordered[_MOST:])
    return dict(ordered[:_MOST]) | ({OTHER: others} if len(ordered) > _MOST else {})


def counter(name: str, meaning: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    """A counter; ``name`` without its ``_total``, ``values`` by labels."""
    family = CounterMetricFamily(_PREFIX + name, meaning, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def histogram(name: str, meaning: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    """A histogram of seconds with one label; ``values`` by label, in ms."""
    family = HistogramMetricFamily(_PREFIX + name, meaning, labels=[label])
    for key, value in values.items():
        bounds = [*(str(bound / 1000) for bound in value.bounds), "+Inf"]
        buckets = [(bound, float(below)) for bound, below in zip(bounds, value.below, strict=True)]
        family.add_metric([key], buckets, value.sum / 1000)
    return family
