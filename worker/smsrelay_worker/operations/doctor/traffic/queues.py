"""Checks that living workers take what waits: messages of each lane, reports, outcomes. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.store.worker_registry import WorkerProcess

_CHECK = "workers"


def untaken_queues(waiting: Mapping[str, int], workers: Sequence[WorkerProcess]) -> list[Finding]:
    """Queues that no worker takes. ``waiting``: what waits in each queue that is in use.

    An error where something waits. Where nothing does it is a warning, because whatever comes next will.
    """
    missing = {queue: count for queue, count in waiting.items() if not any(queue in one.queues for one in workers)}
    if not missing:
        return []
    kind = error if any(missing.values()) else warning
    if not workers:
        remedy = "start one: `smsrelay worker`; if one runs, its log says why it does not reach the store"
        return [kind(_CHECK, f"no worker is alive: {_consequence(missing)}", remedy)]
    if not any(one.queues for one in workers):
        remedy = "see that the broker runs and that SMSRELAY_BROKER_URL leads to it; workers connect again by themselves"
        return [kind(_CHECK, f"no worker is connected to the broker: {_consequence(missing)}", remedy)]
    return list(_of_each(missing))


def _of_each(missing: Mapping[str, int]) -> Iterator[Finding]:
    for queue, count in missing.items():
        name = queue.removeprefix("sms.")
        remedy = f"start one: `smsrelay worker --queues {name}`; if one should run, look for `worker process exited` in its log"
        waits = f"{count:,} wait" if count else "nothing waits yet"
        yield (error if count else warning)(_CHECK, f"no worker takes {queue}; {waits}", remedy)


def _consequence(missing: Mapping[str, int]) -> str:
    waiting = [f"{count:,} wait in {queue}" for queue, count in missing.items() if count]
    return "nothing is submitted, no report applied; " + (", ".join(waiting) or "nothing waits yet")
