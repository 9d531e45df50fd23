"""OutcomeOutbox: the outcomes that sinks have not taken yet, one outbox for each sink.

A claim is a lease: what is neither done nor retried by then is due again. So whoever claims may be killed at any line, and every
outcome is told at least once. Safe to share between threads. Raises ``StoreUnavailable``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis import Redis

from smsrelay_worker.messages.outcome import Outcome


@dataclass(frozen=True, slots=True)
class ClaimedOutcome:
    """An outcome to be told to a sink now."""

    sink: str
    outcome: Outcome
    tries: int  # that have failed


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a sink's outbox."""

    count: int
    oldest: int | None  # when the transition of the oldest was applied; ms on the store's clock


class OutcomeOutbox:
    """The outboxes of all sinks. ``retention`` in seconds: what is older is told no more."""

    def __init__(self, redis: Redis, retention: float) -> None:
        self._redis = redis
        self._retention = int(retention * 1000)

    def claim(self, wanted: Sequence[tuple[str, int]], lease: float) -> list[ClaimedOutcome]:
        """Claim due outcomes of each sink, at most so many, for ``lease`` seconds; one round trip, the longest due first."""
        raise NotImplementedError

    def done(self, sink: str, claimed: Sequence[ClaimedOutcome]) -> None:
        """Remove outcomes that the sink has taken."""
        raise NotImplementedError

    def retry(self, claimed: ClaimedOutcome, delay: float) -> bool:
        """Count a failed try, and make the outcome due again in ``delay`` seconds.

        False if that would be after the retention: the outcome is dropped.
        """
        raise NotImplementedError

    def add(self, sink: str, outcomes: Sequence[Outcome]) -> int:
        """Put outcomes into a sink's outbox, due now, except those that it holds already; returns how many were new."""
        raise NotImplementedError

    def waiting(self, sinks: Sequence[str]) -> Mapping[str, Waiting]:
        """How many outcomes each sink has not taken, and how old the oldest is."""
        raise NotImplementedError

    def drop_older(self) -> Mapping[str, int]:
        """Drop what has waited for longer than the retention in any outbox; how many, by sink."""
        raise NotImplementedError
