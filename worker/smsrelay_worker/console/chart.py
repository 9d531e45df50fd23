"""Charts as values: points of a line and widths of bars, which templates draw as SVG. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 240, 40  # units of the drawing
_EDGE = 2  # so that a line at the top is not cut


@dataclass(frozen=True, slots=True)
class Line:
    """``pieces``: points of ``polyline``; a gap stands where there was no value. ``top``: the highest value."""

    pieces: Sequence[str]
    top: float
    last: float | None


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a whole: ``x`` and ``width`` in percent."""

    name: str
    count: int
    x: float
    width: float


def line(values: Sequence[float | None]) -> Line:
    """A line through the values from left to right, from 0 up."""
    top = max((one for one in values if one is not None), default=0.0)
    step = WIDTH / max(1, len(values) - 1)
    pieces: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            pieces.append([])
            continue
        y = HEIGHT - _EDGE - (HEIGHT - 2 * _EDGE) * (value / top if top else 0.0)
        pieces[-1].append(f"{index * step:.1f},{y:.1f}")
    known = [one for one in values if one is not None]
    return Line([" ".join(points) for points in pieces if len(points) > 1], top, known[-1] if known else None)


def bars(counts: Mapping[str, int]) -> list[Bar]:
    """Parts of a whole side by side, in the order given; parts of nothing are left out."""
    total, x, parts = sum(counts.values()), 0.0, []
    for name, count in counts.items():
        if count:
            width = 100 * count / total
            parts.append(Bar(name, count, round(x, 2), round(width, 2)))
            x += width
    return parts
