"""Checks the live workers: whether they share one configuration, and whether this environment has the same.

Takes what workers report to the store, returns findings.
"""

from collections.abc import Iterable, Sequence

from smsrelay_worker.operations.doctor.finding import Finding, note, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.store.shared_settings import Difference, SharedSettings, differences
from smsrelay_worker.store.worker_registry import WorkerProcess

_NAMED = 3  # workers to name for each value
HERE = "this environment"


def examine_workers(processes: Sequence[WorkerProcess], here: SharedSettings | None = None) -> list[Finding]:
    """Findings about workers that differ; if they agree, about an environment that differs from theirs."""
    reported = [(one.name, one.given) for one in processes]
    apart = differences(reported)
    if apart:
        return [warning("workers", Kind.WORKERS_DIFFER, setting=one.setting, values=_values(one)) for one in apart]
    if here is None:
        return []
    return [
        note("workers", Kind.WORKERS_DIFFER_FROM_HERE, setting=one.setting, values=_values(one))
        for one in differences([*reported, (HERE, here)])
    ]


def _values(difference: Difference) -> str:
    """Each value, and who has it."""
    return ", ".join(f"{value} ({_some(names)})" for value, names in difference.workers.items())


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" +{more}" if more > 0 else "")
