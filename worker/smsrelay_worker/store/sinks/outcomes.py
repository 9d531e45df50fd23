"""OutcomeOutbox: the outcomes that sinks have not taken yet, one outbox for each sink.

A claim is a lease: what is neither done nor retried by then is due again. So whoever claims may be killed at any line, and every
outcome is told at least once. A lease is never prolonged. It is as short as one delivery allows, and one that could outlast it
must not begin. So what a killed process had claimed is soon told by another, and no two tell the same outcome at once. Safe to
share between threads. Raises ``StoreUnavailable``.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from smsrelay.messages.sinks import CELERY, WEBHOOK, sink_name
from smsrelay.store.clock import StoreClock
from smsrelay.store.connection import StoreRedis, run_durably, store_answers
from smsrelay.store.script import Call, Script
from smsrelay_worker.messages.outcome import Outcome

_ENDS = 100  # outcomes at either end of an outbox, among which the oldest is looked for
_PER_CALL = 1000  # outcomes in one command
TELLING = 15.0  # seconds: no delivery takes longer
_RECORDING = 3.0  # seconds to spare after it, until its result is recorded
LEASE = 7.0 + TELLING + _RECORDING  # seconds of a claim: in the first ones it is confirmed, and its delivery begins

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ClaimedOutcome:
    """An outcome to be told to a sink now."""

    sink: str
    outcome: Outcome
    tries: int  # that have failed
    until: int  # end of the lease; ms on the store's clock
    begin_by: float  # seconds of this process's clock: a delivery that begins later could outlast the lease


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a sink's outbox."""

    count: int
    oldest: int | None  # ms on the store's clock: when the oldest happened, of those that were due first or are due last


class OutcomeOutbox:
    """The outboxes of all sinks. ``retention`` in seconds: an older outcome is not told any more. ``monotonic`` in seconds."""

    def __init__(self, redis: StoreRedis, retention: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._monotonic = monotonic
        self._retention = int(retention * 1000)
        self._claim = Script(redis, __name__, "outcomes_claim.lua")
        # What is confirmed is told to an app: a primary that nobody follows any more must not tell what the others never get.
        self._confirm = Script(redis, __name__, "outcomes_confirm.lua", durable=True)
        self._retry = Script(redis, __name__, "outcomes_retry.lua", ("counts.lua",))
        self._done = Script(redis, __name__, "outcomes_done.lua", ("counts.lua",))
        self._give_back = Script(redis, __name__, "outcomes_give_back.lua")
        self._due_now = Script(redis, __name__, "outcomes_due_now.lua")
        self._clock = StoreClock(redis)

    def now(self) -> int:
        """The store's clock (ms)."""
        return self._clock.now()

    def claim(self, wanted: Sequence[tuple[str, int]], lease: float, failing: Collection[str] = ()) -> list[ClaimedOutcome]:
        """Claim due outcomes of each sink, at most so many, for ``lease`` seconds; one round trip, the longest due first.

        In a backlog, up to half of them are what happened before the longest due, and has become due again only lately. It waits
        for no replica, so that finding nothing costs nothing: see ``confirm``. Of a sink that is ``failing`` it is a single one:
        of the first that are due, the one that has failed least.
        """
        asked = [(sink, most) for sink, most in wanted if most > 0]
        if not asked:
            return []
        limits = [0 if sink in failing else min(most, _PER_CALL) for sink, most in asked]
        begin_by = self._monotonic() + lease - TELLING - _RECORDING
        answers = self._claim.run([self._keys.outcomes(sink) for sink, _ in asked], [int(lease * 1000), *limits])
        return [claimed for (sink, _), answer in zip(asked, answers, strict=True) for claimed in _claimed(sink, answer, begin_by)]

    def confirm(self, claimed: Sequence[ClaimedOutcome], lasting: float = TELLING + _RECORDING) -> list[ClaimedOutcome]:
        """The claims that enough replicas have, and with them the transitions to be told of; only these may be told.

        Left out is what another process has claimed or told since, what a failover has lost, and what is claimed for less than
        ``lasting`` seconds more, which is due again at once. Raises ``StoreUnavailable``, also if too few replicas have them: the
        caller keeps them and asks again. One round trip for all sinks; none where no replicas are waited for.
        """
        if not claimed or self._confirm.barrier.replicas == 0:
            return list(claimed)
        of_each = [argument for one in claimed for argument in (one.outcome.encode(), one.until, one.tries)]
        answer = self._confirm.run([self._keys.outcomes(one.sink) for one in claimed], [int(lasting * 1000), *of_each])
        return [one for one, is_ours in zip(claimed, answer, strict=True) if is_ours]

    def done(self, sink: str, claimed: Sequence[ClaimedOutcome]) -> None:
        """Remove outcomes that the sink has taken, and count them."""
        if claimed:
            self._done.run([self._keys.outcomes(sink), self._keys.counts], [sink, *(one.outcome.encode() for one in claimed)])

    def retry(self, claimed: ClaimedOutcome, delay: float) -> bool:
        """``retry_all`` for one outcome."""
        return self.retry_all([(claimed, delay)])[0]

    def retry_all(self, failed: Sequence[tuple[ClaimedOutcome, float]]) -> list[bool]:
        """Count a failed try of each outcome, and make it due again in so many seconds; one round trip.

        False if that would be after the retention: the outcome is dropped. If its lease has ended, it is left to who has it now.
        """
        return [bool(kept) for kept in self._retry.run_many([self._failed(one, delay) for one, delay in failed])]

    def give_back(self, claimed: Sequence[ClaimedOutcome]) -> None:
        """Make outcomes due again at once that were not tried, and put them before all others, unless their lease has ended."""
        self._give_back.run_many([_given_back(one, self._keys.outcomes(one.sink)) for one in claimed])

    def due_now(self, sink: str, lease: float) -> int:
        """Make everything due now that waits for another try and is not claimed for up to ``lease`` seconds; returns how many."""
        moved = 0
        while some := int(self._due_now.run([self._keys.outcomes(sink)], [int(lease * 1000), _PER_CALL])):
            moved += some
        return moved

    def add(self, sink: str, outcomes: Sequence[Outcome]) -> int:
        """Put outcomes into a sink's outbox, due now, except those that it holds already; returns how many were new.

        Also raises if too few replicas have them: an operator is told that they will be delivered.
        """
        if not outcomes:
            return 0
        outbox, due = self._keys.outcomes(sink), str(self._clock.now())
        parts = [outcomes[start : start + _PER_CALL] for start in range(0, len(outcomes), _PER_CALL)]
        added = [("ZADD", outbox, "NX", *(word for one in part for word in (due, one.encode()))) for part in parts]
        return sum(run_durably(self._redis, *added))

    def waiting(self, sinks: Sequence[str]) -> Mapping[str, Waiting]:
        """How many outcomes each sink has not taken, those being told included, and when the oldest happened."""
        if not sinks:
            return {}
        with store_answers(), self._redis.pipeline(transaction=False) as pipeline:
            for outbox in map(self._keys.outcomes, sinks):
                pipeline.zcard(outbox)
                pipeline.zrange(outbox, 0, _ENDS - 1)
                pipeline.zrange(outbox, -_ENDS, -1)
            found = pipeline.execute()
        return {sink: _waiting(*found[3 * place : 3 * place + 3]) for place, sink in enumerate(sinks)}

    def _failed(self, claimed: ClaimedOutcome, delay: float) -> Call:
        outcome = claimed.outcome
        ends = outcome.at + self._retention
        args: list[str | int] = [outcome.encode(), claimed.until, claimed.tries, int(delay * 1000), ends, claimed.sink]
        return Call([self._keys.outcomes(claimed.sink), self._keys.counts], args)

    def drop_older(self) -> Mapping[str, int]:
        """Drop what nobody has claimed since the retention, also of sinks that no file names any more; how many, by sink."""
        before = self._clock.now() - self._retention
        with store_answers():
            apps = [str(app) for app in self._redis.hgetall(self._keys.sinks)]
            sinks = [sink_name(app, kind) for app in apps for kind in (WEBHOOK, CELERY)]
            with self._redis.pipeline(transaction=False) as pipeline:
                for sink in sinks:
                    pipeline.zremrangebyscore(self._keys.outcomes(sink), "-inf", before)
                dropped = pipeline.execute()
        return {sink: count for sink, count in zip(sinks, dropped, strict=True) if count}


def _given_back(claimed: ClaimedOutcome, outbox: str) -> Call:
    outcome = claimed.outcome
    return Call([outbox], [outcome.encode(), claimed.until, claimed.tries, outcome.at])


def _claimed(sink: str, answer: Sequence[Any], begin_by: float) -> Iterator[ClaimedOutcome]:
    until, *pairs = answer
    for wire, tries in zip(pairs[::2], pairs[1::2], strict=True):
        outcome = _decoded(wire)
        if outcome is None:  # a newer version's, perhaps: it is left to that one, or to the retention
            log.error("outcome not readable", sink=sink)
        else:
            yield ClaimedOutcome(sink, outcome, int(tries), int(until), begin_by)


def _waiting(count: int, first: Sequence[str], last: Sequence[str]) -> Waiting:
    known = filter(None, map(_decoded, (*first, *last)))
    return Waiting(count, min((outcome.at for outcome in known), default=None))


def _decoded(wire: str) -> Outcome | None:
    try:
        return Outcome.decode(wire)
    except (ValueError, KeyError):
        return None
