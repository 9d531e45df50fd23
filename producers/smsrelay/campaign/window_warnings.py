"""WindowWarnings: tells how many rows of a campaign expire before their send window opens, and so would not be sent."""

from collections import Counter
from collections.abc import Iterator, Sequence

from smsrelay.contract.country import calling_code
from smsrelay.contract.job import SendJob
from smsrelay.contract.job_warning import job_warning
from smsrelay.contract.lanes import Lane
from smsrelay.contract.send_window import SendWindow
from smsrelay.contract.template import Registry

_Kind = tuple[str, Lane | None, str]  # template, lane and country: rows of one kind have the same window and deadline


class WindowWarnings:
    """Counts rows by kind; ``now`` (ms) is when the command began."""

    def __init__(self, registry: Registry, now: int) -> None:
        self._registry, self._now = registry, now
        self._rows: Counter[_Kind] = Counter()
        self._first: dict[_Kind, SendJob] = {}

    def add(self, job: SendJob) -> None:
        """Count the job of one row."""
        if not job.ignore_send_window:
            kind = job.template, job.lane, calling_code(job.to)
            self._rows[kind] += 1
            self._first.setdefault(kind, job)

    def __bool__(self) -> bool:
        """Whether there is anything that a window could hold."""
        return bool(self._rows)

    def lines(self, windows: Sequence[SendWindow]) -> Iterator[str]:
        """A line for each reason, with the number of rows."""
        warned: Counter[str] = Counter()
        for kind, rows in self._rows.items() if windows else ():
            warning = job_warning(self._first[kind], self._registry, self._now, windows)
            if warning:
                warned[warning] += rows
        for warning, rows in warned.items():
            named = "1 row" if rows == 1 else f"{rows:,} rows, each of which"
            yield f"warning: {named} {warning}; give a later deadline, or --ignore-send-window"
