"""Compares the speed of two checkouts: ``python -m tests.bench.compare BEFORE [AFTER]``, AFTER by default being this one.

Each checkout needs a virtual environment of its own, as ``make bench`` creates it in ``.venv``. One worker process of each
submits from a backlog, by turns, in slices of a second or two, so that whatever slows the machine slows both. Prints, for bulk
and for single messages, the ratio of each slice to the mean of its two neighbours: median and quartiles.
"""

import contextlib
import json
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click

from tests.bench.processes import ROOT

_SLICES = Path(__file__).with_name("slices.py")
_FASTEST = {"bulk": 1500, "single": 900}  # a second, which the backlog has to last for
_KEPT = ("rate", "cpu")


class Checkout:
    """One checkout, whose worker stands still but in its slices."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def slice(self, seconds: float) -> dict[str, float]:
        """Let it work for a while; submits a second and CPU seconds a message."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        return {name: float(value) for name, value in json.loads(self._line()).items()}

    def ready(self) -> None:
        """Wait until its worker has begun."""
        if self._line().strip() != "ready":
            raise click.ClickException("a checkout did not get ready; what it said stands above")

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def _checkout(tree: Path, how: str, count: int) -> Iterator[Checkout]:
    command = [str(tree / ".venv" / "bin" / "python"), str(_SLICES), how, str(count)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tree, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield Checkout(process)
        finally:
            process.stdin.close()
            process.wait(60)


@click.command()
@click.argument("before", type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path))
@click.argument("after", type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path), default=ROOT)
@click.option("--slices", default=20, show_default=True, help="Slices of AFTER; BEFORE has one more.")
@click.option("--seconds", default=1.5, show_default=True, help="Of each slice.")
@click.option("--how", "hows", type=click.Choice(list(_FASTEST)), multiple=True, default=tuple(_FASTEST), help="Both by default.")
def main(before: Path, after: Path, slices: int, seconds: float, hows: tuple[str, ...]) -> None:
    """Measure BEFORE and AFTER by turns."""
    for how in hows:
        count = int(_FASTEST[how] * (seconds + 1) * (slices + 3))
        with _checkout(before, how, count) as old, _checkout(after, how, count) as new:
            old.ready()
            new.ready()
            olds, news = [old.slice(seconds)], []
            for _ in range(slices):
                news.append(new.slice(seconds))
                olds.append(old.slice(seconds))
        for name in _KEPT:
            click.echo(f"{how}: {name} after / before {_ratios([one[name] for one in olds], [one[name] for one in news])}")


def _ratios(olds: list[float], news: list[float]) -> str:
    ratios = [2 * new / (one + other) for new, one, other in zip(news, olds, olds[1:], strict=False)]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios * 3)
    medians = f"before {statistics.median(olds):.5g}, after {statistics.median(news):.5g}"
    return f"{middle:.3f} (quartiles {low:.3f}–{high:.3f}; {medians})"


if __name__ == "__main__":
    main()
