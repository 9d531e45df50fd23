"""Checks what could not be read: jobs, reports and tasks, and callbacks. Pure."""

from collections.abc import Callable, Iterator

from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.store.kept_counts import MANY, Kept


def kept_findings(kept: Kept) -> Iterator[Finding]:
    """What is kept for a person: a warning; an error while it grows fast, for then somebody's messages are lost one by one."""
    if kept.jobs:
        lately = _lately(kept.jobs_lately)
        yield _severe(kept.jobs_lately)("undecodable", Kind.JOBS_UNREADABLE, count=kept.jobs, lately=lately)
    if kept.callbacks:
        lately = _lately(kept.callbacks_lately)
        yield _severe(kept.callbacks_lately)("callbacks", Kind.CALLBACKS_UNREADABLE, count=kept.callbacks, lately=lately)


def _severe(lately: int) -> Callable[..., Finding]:
    return error if lately >= MANY else warning


def _lately(count: int) -> str:
    return f"{count}{'+' if count >= MANY else ''}"
