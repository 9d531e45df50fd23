"""Undecodable: what nobody could read or apply, as it is kept for a person, with the reason.

A pure value and its wire form. A wrong line raises ``ValueError`` or ``TypeError``; none is written but by ``encode``.
"""

import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Self

UNDECODABLE_CAP = 10_000
_LONGEST = 65536  # of a body


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A job, report or task nobody could read or apply, kept with the reason; its repr does not show the body."""

    kept_id: str
    at: int  # ms, by the clock of the worker that kept it
    queue: str
    reason: str
    body: str = field(repr=False)

    @classmethod
    def now(cls, queue: str, reason: str, body: str, task_id: str | None = None) -> Self:
        """One that is kept now. The same task, brought again by a broker that did not hear of it, has the same id."""
        kept_id = secrets.token_hex(4) if task_id is None else hashlib.sha256(task_id.encode()).hexdigest()[:8]
        return cls(kept_id, time.time_ns() // 1_000_000, queue, reason, body[:_LONGEST])

    def encode(self) -> str:
        """One line of the list."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, line: str) -> Self:
        """Read what ``encode`` wrote."""
        return cls(**json.loads(line))
