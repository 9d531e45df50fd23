"""Checks how long messages and reports have waited, against the bound of each lane. Pure.

Instants are ms on the store's clock. What a halt, an open circuit or a closed window has deferred does not count as waiting here:
the halt, and the circuit, are findings themselves.
"""

from collections.abc import Iterator, Mapping

from smsrelay.contract.lanes import Lane
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.store.oldest_waiting import LaneWait

REPORT_BOUND = 120  # seconds; a receiver's clock may be a little off
STILL = 30  # seconds without any message taken, after which a lane that waits too long stands still


def long_waits(
    oldest: Mapping[Lane, LaneWait], bounds: Mapping[Lane, float], waiting: Mapping[Lane, int], now: int
) -> Iterator[Finding]:
    """Lanes whose oldest message has waited for longer than its bound (seconds); ``oldest``: of the lanes that are open.

    For codes an error; for the others one only while nothing of the lane moves, because a campaign may well be longer than the
    rate is high.
    """
    for lane, one in oldest.items():
        seconds = (now - one.since) // 1000
        if seconds <= bounds[lane]:
            continue
        still = one.unmoved_since is not None and now - one.unmoved_since > STILL * 1000
        severe = error if still or lane is Lane.OTP else warning
        waits: dict[str, object] = {"lane": lane.value, "count": waiting.get(lane, 0), "age": spoken(seconds)}
        if still:
            yield severe("waiting", Kind.LANE_STANDS_STILL, **waits, queue=lane.queue, still=STILL)
        else:
            yield severe("waiting", Kind.LANE_WAITS, **waits)


def long_reports(oldest: int | None, count: int, now: int) -> Iterator[Finding]:
    """Reports that were received and are not applied."""
    if oldest is not None and now - oldest > REPORT_BOUND * 1000:
        yield error("reports", Kind.REPORTS_NOT_APPLIED, count=count, age=spoken((now - oldest) // 1000))


def spoken(seconds: int) -> str:
    """A duration as people say it."""
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
