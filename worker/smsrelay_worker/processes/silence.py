"""Silence: how long a child has not told the parent that it is alive. Pure.

It is counted in the parent's own looks, not by a clock: while the whole worker stood still (a suspended laptop, a paused
container), the parent did not look either, and no child is blamed for it.
"""

from dataclasses import dataclass

from smsrelay_worker.processes.heartbeats import FROZEN_AFTER, STUCK_AFTER, Pulse

LONGEST_LOOK = 2.0  # seconds that one look counts for at most; the parent looks each second


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for which a child may be silent: its interpreter, and the loop of its consumer."""

    frozen: float = FROZEN_AFTER
    stuck: float = STUCK_AFTER


@dataclass(frozen=True, slots=True)
class Silence:
    """What was seen last, and for how many seconds each of its two times has not changed."""

    seen: Pulse
    frozen: float = 0.0
    stuck: float = 0.0

    def after(self, now: Pulse, passed: float) -> "Silence":
        """After another look, ``passed`` seconds later."""
        counted = min(passed, LONGEST_LOOK)
        return Silence(
            now,
            self.frozen + counted if now.alive_at == self.seen.alive_at else 0.0,
            self.stuck + counted if now.turned_at == self.seen.turned_at else 0.0,
        )

    def too_long(self, patience: Patience) -> str | None:
        """Which part has been silent for too long: ``process`` or ``consumer``; None: neither."""
        if self.frozen >= patience.frozen:
            return "process"
        return "consumer" if self.stuck >= patience.stuck else None

    def seconds(self, part: str) -> float:
        """For how long this part has been silent."""
        return self.frozen if part == "process" else self.stuck
