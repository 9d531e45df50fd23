"""Checks what could not be read: jobs, reports and tasks, and callbacks. Pure."""

from collections.abc import Callable, Iterator

from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.store.kept_counts import MANY, Kept


def kept_findings(kept: Kept) -> Iterator[Finding]:
    """What is kept for a person: a warning; an error while it grows fast, for then somebody's messages are lost one by one."""
    if kept.jobs:
        problem = f"{kept.jobs:,} unreadable jobs or tasks are kept{_lately(kept.jobs_lately)}"
        remedy = "`smsrelay dead list` says why, `smsrelay dead show ID` which; tell the app, then `smsrelay dead replay ID`"
        yield _kind(kept.jobs_lately)("undecodable", problem, remedy)
    if kept.callbacks:
        lately = _lately(kept.callbacks_lately)
        problem = f"{kept.callbacks:,} unreadable callbacks are kept{lately}: their reports are not applied"
        remedy = "`smsrelay dead list`; `smsrelay dead replay ID` once a newer version can read them"
        yield _kind(kept.callbacks_lately)("callbacks", problem, remedy)


def _kind(lately: int) -> Callable[[str, str, str], Finding]:
    return error if lately >= MANY else warning


def _lately(count: int) -> str:
    return f", {count}{' or more' if count >= MANY else ''} of them in the last hour" if count else ""
