"""Gauges by host: how far its clock is from the store's, and what its receivers have spooled."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric

from smsrelay.store.receiver_registry import ReceiverProcess
from smsrelay_worker.operations.metrics.families import labelled
from smsrelay_worker.store.worker_registry import WorkerProcess

_HOSTS = 100  # that are labels at most: receivers that died are listed for a day, each container under a name of its own


def host_gauges(workers: Sequence[WorkerProcess], receivers: Sequence[ReceiverProcess]) -> Iterator[Metric]:
    """The gauges; of receivers, those on the hosts that were seen last."""
    newest = sorted(receivers, key=lambda one: one.last_seen)
    seen = {one.host: one.last_seen / 1000 for one in newest}
    hosts = list(seen)[-_HOSTS:]
    known = [*((one.host, one.clock) for one in newest if one.host in hosts), *((one.host, one.clock) for one in workers)]
    clocks = {host: clock / 1000 for host, clock in known if clock is not None}
    meaning = "By how much a host's clock is ahead of the store's, as its workers and receivers measure it."
    yield labelled("clock_skew_seconds", meaning, "host", clocks)
    meaning = "When a receiver of the host was last heard of; for a day after one that was killed."
    yield labelled("receiver_last_seen_timestamp_seconds", meaning, "host", {host: seen[host] for host in hosts})
    spools = {(one.host, one.spool): one.spooled for one in newest if one.spooled is not None}  # the newest word on each spool
    meaning = "Callbacks on the host's disk that the broker and the store have not taken yet."
    spooled = {host: sum(count for (of, _), count in spools.items() if of == host) for host in hosts}
    yield labelled("spool_reports", meaning, "host", spooled)
