"""Posts status reports to the callback URL of their submit, and retries each until it is answered 200.

Every try is recorded. Reports still pending when the simulator stops or is reset are dropped.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from smsrelay_simulator.options import Options
from smsrelay_simulator.records.records import Records, Sent
from smsrelay_simulator.reports.body import report_body
from smsrelay_simulator.reports.http_client import HttpClient, NoAnswer
from smsrelay_simulator.scripts.script import Report


@dataclass(frozen=True, slots=True)
class Destination:
    """The submit that reports are about, and the URL they go to; none are posted to an empty one."""

    external_id: str
    recipient: str
    url: str


class ReportSender:
    """Schedules and posts reports."""

    def __init__(self, options: Options, records: Records, http: HttpClient, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._records = records
        self._http = http
        self._clock = clock
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count()

    @property
    def pending(self) -> int:
        """How many reports are neither delivered nor given up yet."""
        return len(self._timers) + len(self._tasks)

    async def send(self, reports: Iterable[Report], destination: Destination) -> None:
        """Schedule reports. Returns once those to be posted before the submit's answer have had their first try."""
        for index, report in enumerate(reports, 1):
            if report.before_answer:
                await asyncio.sleep(report.after or 0.0)
                await self._deliver(report, destination, tries=1)
            else:
                after = report.after if report.after is not None else index * self._options.report_delay
                self._schedule(after, report, destination)

    def cancel_all(self) -> None:
        """Drop every pending report."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()

    def _schedule(self, after: float, report: Report, destination: Destination) -> None:
        number = next(self._numbers)
        self._timers[number] = asyncio.get_running_loop().call_later(after, self._start, number, report, destination)

    def _start(self, number: int, report: Report, destination: Destination) -> None:
        del self._timers[number]
        tries = 1 if report.forged else len(self._options.callback_retries) + 1
        task = asyncio.get_running_loop().create_task(self._deliver(report, destination, tries))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, report: Report, destination: Destination, tries: int) -> None:
        now = self._clock()
        if not report.forged:
            self._records.add_status(destination.external_id, report.code, now)
        if not destination.url:
            return
        shape = report.shape or self._options.shape
        body = report_body(report, shape, destination.external_id, destination.recipient, now)
        for _ in range(report.repeat):
            await self._try(report, destination, body, tries)

    async def _try(self, report: Report, destination: Destination, body: bytes, tries: int) -> None:
        for attempt in range(1, tries + 1):
            if attempt > 1:
                await asyncio.sleep(self._options.callback_retries[attempt - 2])
            if await self._post(report, destination, body, attempt) == 200:
                return

    async def _post(self, report: Report, destination: Destination, body: bytes, attempt: int) -> int:
        at = self._clock()
        forged = _forged(destination.url) if report.forged else None
        try:
            status = await self._http.post(forged or destination.url, body)
        except NoAnswer:
            status = 0  # recorded as not answered, and retried
        self._records.add_callback(at, destination.external_id, report.code, Sent(attempt, status, forged))
        return status


def _forged(url: str) -> str:
    """The same URL with another last path segment of the same length; there a callback URL carries its signature."""
    start, _, token = url.rpartition("/")
    return f"{start}/{'A' * len(token) if set(token) != {'A'} else 'B' * len(token)}"
