"""Calms: the parts of a run without the usual load and faults, only bursts, each followed by silence.

Under steady load the next answer, report or wake-up mends what the last one left lying within milliseconds. What nobody comes
back for shows only in silence. The last calm ends with the load, so that the drain prolongs it beyond an attempt's lease.

Pure. Takes the seconds of a run; returns its calms, and when a burst comes in each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_EVERY = 150.0  # seconds, about, from one calm to the next
_SHARE = 0.3  # of the time …
_LONGEST = 48.0  # … and no longer
_LEFT = 5.0  # seconds of silence, at least, before load and faults are back
_SETTLE = 6.0  # seconds from the end of the load to the first burst
_SILENCE = 10.5  # seconds from burst to burst: more than the judge lets an answer wait


@dataclass(frozen=True, slots=True)
class Calm:
    """Seconds from the start of the run."""

    since: float
    until: float

    def bursts(self) -> Iterator[float]:
        """When bursts come."""
        at = self.since + _SETTLE
        while at < max(self.until - _LEFT, self.since + _SETTLE + 0.1):
            yield at
            at += _SILENCE


def calms(seconds: float, nothing_else: bool = False) -> tuple[Calm, ...]:
    """The calms of a run, in order; the last ends with it. ``nothing_else``: the whole of it is one."""
    if nothing_else:
        return (Calm(0.0, seconds),)
    parts = max(1, round(seconds / _EVERY))
    part = seconds / parts
    lasting = min(_LONGEST, _SHARE * part)
    return tuple(Calm(number * part - lasting, number * part) for number in range(1, parts + 1))


def loud(quiet: Sequence[Calm]) -> Iterator[tuple[float, float]]:
    """The stretches between calms: from, until."""
    since = 0.0
    for calm in quiet:
        if calm.since > since:
            yield since, calm.since
        since = calm.until


def is_calm(at: float, of: Sequence[Calm]) -> bool:
    """Whether the usual load and the faults pause at an instant."""
    return any(calm.since <= at < calm.until for calm in of)
