"""Warns of a job that expires before its send window opens, and so would not be sent. Pure."""

from collections.abc import Sequence

from smsrelay.contract.country import calling_code
from smsrelay.contract.job import SendJob
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.send_window import SendWindow, window_warning
from smsrelay.contract.template import Registry


def job_warning(job: SendJob, registry: Registry, now: int, windows: Sequence[SendWindow]) -> str | None:
    """A sentence, if the job would not be sent in time; ``now`` in ms.

    None also for a job that is wrong at ``now``: the store accepted it by its own clock, and by this one its deadline is past.
    """
    if job.ignore_send_window or not windows:
        return None
    try:
        message = job.accept(now, registry, lambda: 0)
    except Rejection:
        return None
    return window_warning(message.lane, calling_code(job.to), message.not_before, message.expires_at, now, windows)
