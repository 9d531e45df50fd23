"""Answer: what came of one delivery, in the words that commands and logs show. Pure.

Never anything that the endpoint sent but its status and ``Retry-After``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

_LONGEST_WAIT = 24 * 3600.0  # seconds


class Verdict(StrEnum):
    """What a delivery came to."""

    TAKEN = "taken"
    FAILED = "failed"  # to be repeated
    SLOW_DOWN = "slow down"  # to be repeated, and the endpoint asks for a pause
    GONE = "gone"  # the endpoint wants no more


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one delivery. ``status`` is safe to print: "200", "timeout", "connection refused"."""

    verdict: Verdict
    status: str
    wait: float | None = None  # seconds that the endpoint asks for

    @property
    def taken(self) -> bool:
        """Whether the app has the outcome."""
        return self.verdict is Verdict.TAKEN


def of_status(status: int, retry_after: str | None, now: float) -> Answer:
    """The result that an HTTP status means; ``now`` in seconds since the epoch. Only 2xx counts as taken: 3xx is not followed.

    A 503 that names no time is what a proxy says of one broken call, and asks for nothing.
    """
    if 200 <= status < 300:
        return Answer(Verdict.TAKEN, str(status))
    if status == 410:
        return Answer(Verdict.GONE, "410")
    wait = _seconds(retry_after, now)
    if status == 429 or (status == 503 and wait is not None):
        return Answer(Verdict.SLOW_DOWN, str(status), wait)
    return Answer(Verdict.FAILED, str(status))


def failed(status: str) -> Answer:
    """A delivery that got no answer; ``status`` says why, in words that are safe to print."""
    return Answer(Verdict.FAILED, status)


def _seconds(retry_after: str | None, now: float) -> float | None:
    """Seconds from either form of the header (RFC 9110), at most a day; None when it is absent or unreadable."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT)
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return min(max(0.0, (instant - datetime.fromtimestamp(now, UTC)).total_seconds()), _LONGEST_WAIT)
