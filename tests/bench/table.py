"""The Markdown table printed at the end of a run. Pure.

Takes the conditions as text, and the figures by row; returns text that can go into docs/benchmarks unchanged.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.bench.figures import median, spread
from tests.bench.result import Figure

_REACHED = {True: "yes", False: "**no**", None: ""}
_HEAD = "| what | relay | plain Celery | ratio | target | reached |\n|---|---:|---:|---:|---:|---|"


def table(conditions: Mapping[str, str], rows: Mapping[str, Sequence[Figure]]) -> str:
    """Conditions, every figure, and the notes on them."""
    figures = [figure for row in rows.values() for figure in row]
    lines = ["| condition | |", "|---|---|", *(f"| {name} | {text} |" for name, text in conditions.items()), "", _HEAD]
    lines += [_line(figure) for figure in figures]
    notes = [f"- {figure.what}: {figure.note}." for figure in figures if figure.note]
    notes += [
        f"- Row `{name}` was measured at another time: {row[0].when}." for name, row in rows.items() if _elsewhen(conditions, row)
    ]
    return "\n".join([*lines, "", *notes] if notes else lines)


def _elsewhen(conditions: Mapping[str, str], row: Sequence[Figure]) -> bool:
    return row[0].when != conditions.get("when", "")


def _line(figure: Figure) -> str:
    ratio = _cell(figure.ratios, "×") if figure.ratios else ""
    cells = (
        figure.what,
        _cell(figure.ours, figure.unit),
        _cell(figure.baseline, figure.unit) if figure.baseline else "",
        ratio,
        str(figure.target) if figure.target else "",
        _REACHED[figure.reached],
    )
    return f"| {' | '.join(cells)} |"


def _cell(samples: Iterable[float], unit: str) -> str:
    values = list(samples)
    least, most = spread(values)
    middle = _number(median(values)) + ("" if math.isinf(median(values)) else _unit(unit))
    return middle if len(values) == 1 else f"{middle} ({_number(least)}–{_number(most)})"


def _unit(unit: str) -> str:
    return unit if unit.startswith("/") or not unit else f" {unit}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "never"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def replaced(page: str, marker: str, text: str) -> str:
    """A page with the text between its markers; raises ``ValueError`` when it has none."""
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    before, opened, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise ValueError(f"no markers {start} … {end}")
    return "".join(_pieces(before, start, text, end, after))


def _pieces(before: str, start: str, text: str, end: str, after: str) -> Iterator[str]:
    yield from (before, start, "\n", text, "\n", end, after)
