"""The doctor's look at the living workers: whether they share one configuration, and whether this environment is theirs.

Takes what workers report to the store. Nothing is changed.
"""

from collections.abc import Iterable, Sequence

from smsrelay_worker.operations.doctor.finding import Finding, note, warning
from smsrelay_worker.store.shared_settings import Difference, SharedSettings, differences
from smsrelay_worker.store.worker_registry import WorkerProcess

_NAMED = 3  # workers of one value
HERE = "this environment"


def examine_workers(processes: Sequence[WorkerProcess], here: SharedSettings | None = None) -> list[Finding]:
    """Of workers that differ; when they agree, of an environment that differs from theirs."""
    reported = [(one.name, one.given) for one in processes]
    apart = differences(reported)
    if apart:
        remedy = "give all workers the same settings and files, and restart them; during a rolling restart, wait for its end"
        return [warning("workers", f"the workers differ in {sentence(one)}", remedy) for one in apart]
    if here is None:
        return []
    remedy = "run the doctor with the workers' settings, or restart the workers if these are the new ones"
    return [
        note("workers", f"the workers and this environment differ in {sentence(one)}", remedy)
        for one in differences([*reported, (HERE, here)])
    ]


def sentence(difference: Difference) -> str:
    """A difference in words: each value, and who has it."""
    told = (f"{value} ({_some(names)})" for value, names in difference.workers.items())
    return f"{difference.setting}: {', '.join(told)}"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
