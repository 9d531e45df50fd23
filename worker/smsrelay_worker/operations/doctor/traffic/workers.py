"""Checks the live workers: whether they share one configuration, and whether this environment has the same.

Takes what workers report to the store, returns findings.
"""

from collections.abc import Iterable, Sequence

from smsrelay_worker.operations.doctor.finding import Finding, note, warning
from smsrelay_worker.store.shared_settings import Difference, SharedSettings, differences
from smsrelay_worker.store.worker_registry import WorkerProcess

_NAMED = 3  # workers to name for each value
HERE = "this environment"


def examine_workers(processes: Sequence[WorkerProcess], here: SharedSettings | None = None) -> list[Finding]:
    """Findings about workers that differ; if they agree, about an environment that differs from theirs."""
    reported = [(one.name, one.given) for one in processes]
    apart = differences(reported)
    if apart:
        remedy = "give all workers the same settings and files, and restart them; during a rolling restart, wait until it is over"
        return [warning("workers", f"the workers differ in {sentence(one)}", remedy) for one in apart]
    if here is None:
        return []
    remedy = "run the doctor with the workers' settings, or restart the workers if these are the new settings"
    return [
        note("workers", f"the workers and this environment differ in {sentence(one)}", remedy)
        for one in differences([*reported, (HERE, here)])
    ]


def sentence(difference: Difference) -> str:
    """A difference in words: each value, and who has it."""
    values = (f"{value} ({_some(names)})" for value, names in difference.workers.items())
    return f"{difference.setting}: {', '.join(values)}"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
