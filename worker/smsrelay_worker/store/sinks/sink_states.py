"""SinkStates: how deliveries to each sink have ended lately, and whether it is paused; shared by all processes.

Raises ``StoreUnavailable``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from smsrelay.store.connection import StoreRedis, run_durably, store_answers
from smsrelay.store.script import Script

PAUSE_AFTER = 24 * 3600.0  # seconds of nothing but failures
_TEST_KEPT = 60_000  # ms


class Pause(StrEnum):
    """Why a sink is paused."""

    FAILING = "failing"  # for a day, nothing but failures
    GONE = "gone"  # the endpoint answered 410


@dataclass(frozen=True, slots=True)
class SinkState:
    """One sink's state. Instants are ms on the store's clock."""

    status: str = ""  # of the last delivery that was recorded
    at: int | None = None  # when that was
    failing_since: int | None = None  # the first failure after the last success
    paused_at: int | None = None
    pause: Pause | None = None

    @classmethod
    def decode(cls, wire: str) -> Self:
        """Read one field of the hash."""
        found: dict[str, Any] = json.loads(wire)
        pause = Pause(found["pause"]) if "pause" in found else None
        return cls(found["status"], _ms(found, "at"), _ms(found, "failing"), _ms(found, "paused"), pause)


class SinkStates:
    """The states of all sinks; safe to share between threads."""

    def __init__(self, redis: StoreRedis, pause_after: float = PAUSE_AFTER) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._report = Script(redis, __name__, "sink_state.lua")
        self._pause_after = int(pause_after * 1000)

    def read(self) -> Mapping[str, SinkState]:
        """The state of each sink that anything was ever delivered to."""
        with store_answers():
            found: Any = self._redis.hgetall(self._keys.sink_states)
        return {sink: SinkState.decode(wire) for sink, wire in found.items()}

    def report(self, sink: str, status: str, *, taken: bool, gone: bool = False) -> SinkState:
        """Record how a delivery ended. A sink that fails for ``pause_after`` seconds, or is gone, is paused."""
        ended = "taken" if taken else "gone" if gone else "failed"
        return SinkState.decode(self._report.run([self._keys.sink_states], [sink, ended, status, self._pause_after]))

    def resume(self, sink: str) -> SinkState | None:
        """End a pause and forget the failures; the state before, None if there was none. Also raises if too few replicas know."""
        states = self._keys.sink_states
        held, _ = run_durably(self._redis, ("HGET", states, sink), ("HDEL", states, sink))
        return SinkState.decode(held) if held else None

    def keep_test(self, token: str, result: str) -> None:
        """Keep what a test came to, for a minute, for the command that asked for it."""
        with store_answers():
            self._redis.set(self._keys.sink_test(token), result, px=_TEST_KEPT)

    def test_result(self, token: str) -> str | None:
        """What a test came to; None while nothing is known."""
        with store_answers():
            found: Any = self._redis.get(self._keys.sink_test(token))
        return None if found is None else str(found)


def _ms(found: Mapping[str, Any], name: str) -> int | None:
    return int(found[name]) if name in found else None
