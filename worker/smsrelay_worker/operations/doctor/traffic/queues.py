"""Checks that living workers take what waits: messages of each lane, reports, outcomes. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.store.worker_registry import WorkerProcess

_CHECK = "workers"


def untaken_queues(waiting: Mapping[str, int], workers: Sequence[WorkerProcess]) -> list[Finding]:
    """Queues that no worker takes. ``waiting``: what waits in each queue that is in use.

    An error where something waits. Where nothing does it is a warning, because whatever comes next will.
    """
    missing = {queue: count for queue, count in waiting.items() if not any(queue in one.queues for one in workers)}
    if not missing:
        return []
    severe = error if any(missing.values()) else warning
    if not workers:
        return [severe(_CHECK, Kind.NO_WORKER, waiting=_waiting(missing))]
    if not any(one.queues for one in workers):
        return [severe(_CHECK, Kind.NO_WORKER_CONNECTED, waiting=_waiting(missing))]
    return list(_of_each(missing))


def _of_each(missing: Mapping[str, int]) -> Iterator[Finding]:
    for queue, count in missing.items():
        severe = error if count else warning
        yield severe(_CHECK, Kind.QUEUE_UNTAKEN, queue=queue, count=count, name=queue.removeprefix("sms."))


def _waiting(missing: Mapping[str, int]) -> str:
    """How much waits in each queue, in figures."""
    return ", ".join(f"{queue} {count:,}" for queue, count in missing.items() if count) or "0"
