"""Waits after the last fault until all work is done, without intervening.

Takes a stage; returns how long it took until every message was final, and until nothing was queued or in progress, or else what
is left at the deadline. Reports that the simulator has yet to deliver count as left.
"""

import time
from dataclasses import dataclass

from redis import Redis

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.chaos.stage.ground import Ground
from tests.support.store_keys import KEYS

_POLL = 1.0
_FINAL = {state.value for state in State if state.final}


@dataclass(frozen=True, slots=True)
class Drained:
    """Seconds after the last fault; None: not before the deadline. ``left`` describes what remained then."""

    final_after: float | None
    empty_after: float | None
    left: tuple[str, ...]


def drain(stage: Ground, deadline: float) -> Drained:
    """Wait until nothing is left, at most ``deadline`` seconds."""
    started, final_after = time.monotonic(), None
    while True:
        elapsed = time.monotonic() - started
        waiting = _not_final(stage)
        reports = stage.simulator.stats().reports_pending
        left = [f"{waiting} messages are not final"] if waiting else []
        left += [f"{reports} reports are due"] if reports else []
        final_after = None if left else final_after or elapsed
        left += _leftovers(stage)
        if not left:
            return Drained(final_after, elapsed, ())
        if elapsed > deadline:
            return Drained(final_after, None, tuple(left))
        time.sleep(_POLL)


def _not_final(stage: Ground) -> int:
    with stage.redis() as redis:
        return sum(state not in _FINAL for state in _states(redis))


def _states(redis: Redis) -> list[str]:
    names = list(redis.scan_iter(match=f"{KEYS.message('')}*", count=1000))
    with redis.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hget(name, "state")
        return list(pipeline.execute())


def _leftovers(stage: Ground) -> list[str]:
    with stage.redis() as redis:
        counts = {
            "tasks at the broker or in somebody's hands": stage.queued(),
            "entries in the agenda": int(redis.zcard(KEYS.agenda)),
            "reports not applied": int(redis.hlen(KEYS.reports)),
            "messages in the outbox": sum(int(redis.zcard(KEYS.outbox(lane))) for lane in Lane),
            "reports on disks of receivers": stage.spooled(),
            "halts whose messages are to be released or cancelled": int(redis.hlen(KEYS.unfinished)),
            "messages held by a halt": sum(int(redis.scard(name)) for name in redis.scan_iter(match=KEYS.held("*"), count=1000)),
            "outcomes not told": sum(int(redis.zcard(name)) for name in redis.scan_iter(match=KEYS.outcomes("*"), count=1000)),
            "tasks of apps not done": stage.sinks.waiting(),
        }
    return [f"{count} {what}" for what, count in counts.items() if count]
