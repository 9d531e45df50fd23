"""Results: records how deliveries ended: in the outboxes, in the state of each sink, and in the log.

Threads add results; one thread records them, all of a sink in a few round trips. Raises ``StoreUnavailable``; what is not
recorded by then is recorded with the next call.
"""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.outcomes.answer import Verdict
from smsrelay_worker.outcomes.schedule import RetrySchedule
from smsrelay_worker.outcomes.sink_worker import Ended
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import Pause, SinkStates

_REPORT_EVERY = 10.0  # seconds between reports of a sink whose deliveries end as before

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Reported:
    """What this process last reported of a sink."""

    taken: bool
    at: float


class Results:
    """Results of deliveries. ``roll`` is random, 0 ≤ roll < 1."""

    def __init__(
        self,
        outbox: OutcomeOutbox,
        states: SinkStates,
        schedule_of: Callable[[str], RetrySchedule],
        roll: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._states = states
        self._schedule_of = schedule_of
        self._roll = roll
        self._monotonic = monotonic
        self._added: deque[Ended] = deque()
        self._unrecorded: list[Ended] = []
        self._reported: dict[str, _Reported] = {}
        self._held: dict[str, Ended] = {}  # a success that is not reported yet; another process may report a failure before it
        self._counts: Counter[tuple[str, bool]] = Counter()

    def add(self, ended: Sequence[Ended]) -> None:
        """Take results; from any thread."""
        self._added.extend(ended)

    def counts(self, sink: str) -> tuple[int, int]:
        """How many deliveries to a sink were recorded as taken, and as failed, by this process."""
        return self._counts[sink, True], self._counts[sink, False]

    def record(self) -> None:
        """Record all results."""
        while self._added:
            self._unrecorded.append(self._added.popleft())
        by_sink: dict[str, list[Ended]] = defaultdict(list)
        for one in self._unrecorded:
            by_sink[one.claimed.sink].append(one)
        for sink, ended in by_sink.items():
            try:
                self._record(sink, ended)
            except StoreUnavailable:
                raise
            except Exception:  # their leases run out, and they are delivered again
                log.exception("outcome results not recorded", sink=sink)
            self._unrecorded = [one for one in self._unrecorded if one.claimed.sink != sink]
        for sink, last in tuple(self._held.items()):
            self._report(sink, last, gone=False)

    def _record(self, sink: str, ended: Sequence[Ended]) -> None:
        taken = [one for one in ended if one.answer.taken]
        failed = [one for one in ended if not one.answer.taken]
        if taken:
            self._outbox.done(sink, [one.claimed for one in taken])
            log.info("outcomes delivered", sink=sink, outcomes=[_named(one) for one in taken])
        self._retry(sink, failed)
        self._counts[sink, True] += len(taken)
        self._counts[sink, False] += len(failed)
        self._report(sink, ended[-1] if not taken else taken[-1], gone=any(one.answer.verdict is Verdict.GONE for one in ended))

    def _retry(self, sink: str, failed: Sequence[Ended]) -> None:
        schedule = self._schedule_of(sink)
        delays = [max(schedule.delay(one.claimed.tries + 1, self._roll()), one.answer.wait or 0.0) for one in failed]
        kept = self._outbox.retry_all([(one.claimed, delay) for one, delay in zip(failed, delays, strict=True)])
        for one, delay, is_kept in zip(failed, delays, kept, strict=True):
            details = {"sink": sink, "outcome": _named(one), "status": one.answer.status, "tries": one.claimed.tries + 1}
            if is_kept:
                log.warning("outcome not delivered", **details, again_in=round(delay))
            else:
                log.error("outcome dropped: its retention is over", **details)

    def _report(self, sink: str, ended: Ended, *, gone: bool) -> None:
        last, now, taken = self._reported.get(sink), self._monotonic(), ended.answer.taken
        if not gone and last is not None and last.taken == taken and now - last.at < _REPORT_EVERY:
            if taken:
                self._held[sink] = ended
            return
        state = self._states.report(sink, "410" if gone else ended.answer.status, taken=taken and not gone, gone=gone)
        self._reported[sink] = _Reported(taken, now)
        self._held.pop(sink, None)
        if state.paused_at is not None and state.paused_at == state.at:
            reason = "the endpoint answered 410" if state.pause is Pause.GONE else "nothing but failures for a day"
            log.error("sink paused", sink=sink, reason=reason, failing_since=state.failing_since)


def _named(ended: Ended) -> str:
    outcome = ended.claimed.outcome
    return f"{outcome.message_id} {outcome.state.value} r{outcome.revision}"
