"""Barrier: what is sent after a write, on its connection, so that the write counts only once enough replicas have it.

It is plain ``WAIT``: a replica with ``appendfsync always`` acknowledges only what is on its disk, and ``WAITAOF`` costs a second.
``WAIT`` waits for what its connection wrote last. A script that finds its work done writes nothing, so a write that changes
nothing goes before each ``WAIT``: it stands behind every earlier write of that server, whoever made it. What writes in any case,
such as a push, needs no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SHARE = 0.8  # of the time that is left, so that the answer of WAIT comes before the caller gives up


@dataclass(frozen=True, slots=True)
class Barrier:
    """``replicas`` must have all that was written before, within ``wait`` ms; with 0, nothing is sent.

    ``key``: what is written to before; ``None`` behind what always writes.
    """

    key: str | None = None
    replicas: int = 0
    wait: int = 1000

    def commands(self, left: float | None = None) -> tuple[tuple[Any, ...], ...]:
        """To be sent after the writes, in the same round trip. ``left``: seconds until the caller gives up; None: long enough."""
        if self.replicas == 0:
            return ()
        wait = self.wait if left is None else min(self.wait, int(1000 * _SHARE * left))
        touch = () if self.key is None else (("HINCRBY", self.key, "touched", 0),)
        return *touch, ("WAIT", self.replicas, max(1, wait))  # WAIT n 0 would wait for ever

    def shortfall(self, answers: Sequence[Any]) -> str | None:
        """Why the writes do not count, given the answers to ``commands``; None: they count."""
        if not answers:
            return None
        kept = int(answers[-1])
        return None if kept >= self.replicas else f"kept by {kept} of {self.replicas} replicas in time"


NO_BARRIER = Barrier()
