"""``python -m tests.bench``: measures row by row, stores the results, prints the table.

Prints the table on standard output, stores the results as JSON in ``.bench/``, and with ``--write`` puts the table in the docs.
When a row fails, the folder of its logs is reported, the other rows still run, and the exit code is 1.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType

import click

from tests.bench.ground import Conditions
from tests.bench.machine import conditions_of
from tests.bench.processes import ROOT
from tests.bench.result import Figure
from tests.bench.rows import (
    api,
    backlog,
    callbacks,
    calls,
    cancel,
    console,
    encryption,
    enqueue,
    failover,
    held,
    limits,
    metrics,
    opening,
    otp,
    outcomes,
    rate,
    replicas,
    scaling,
    submit,
)
from tests.bench.table import replaced, table

ROWS: Mapping[str, Callable[[Conditions], list[Figure]]] = {
    "submit": submit.measure,
    "scaling": scaling.measure,
    "enqueue": enqueue.measure,
    "callbacks": callbacks.measure,
    "api": api.measure,
    "outcomes": outcomes.measure,
    "rate": rate.measure,
    "otp": otp.measure,
    "backlog": backlog.measure,
    "cancel": cancel.measure,
    "calls": calls.measure,
    "console": console.measure,
    "held": held.measure,
    "encryption": encryption.measure,
    "limits": limits.measure,
    "opening": opening.measure,
    "metrics": metrics.measure,
    "failover": failover.measure,
    "replicas": replicas.measure,
}
_RUNS = 5
_SLOW = ("scaling", "failover")  # rows that say little after a few seconds, so --quick skips them


@click.command()
@click.option("--quick", is_flag=True, help="One run of smaller numbers, about three minutes.")
@click.option("--runs", type=click.IntRange(1), default=None, help=f"Runs of each measurement; {_RUNS}, or 1 when quick.")
@click.option("--rows", default=None, help=f"Rows to measure, of {','.join(ROWS)}; the others are kept as they were.")
@click.option(
    "--fsync", type=click.Choice(["always", "everysec"]), default="always", show_default=True, help="When Valkey syncs."
)
@click.option("--results", type=click.Path(path_type=Path), default=None, help="JSON file of results; in .bench/ by default.")
@click.option("--fresh", is_flag=True, help="Forget rows measured before.")
@click.option("--write", is_flag=True, help="Put the table into docs/benchmarks.md.")
def main(quick: bool, runs: int | None, rows: str | None, fsync: str, results: Path | None, fresh: bool, write: bool) -> None:
    """Measure speed and cost of the relay beside a plain Celery service, on this machine."""
    signal.signal(signal.SIGTERM, _interrupted)
    conditions = Conditions(quick, runs or (1 if quick else _RUNS), fsync)
    path = results or ROOT / ".bench" / f"{'quick' if quick else 'full'}-{fsync}.json"
    told, kept = conditions_of(conditions), {} if fresh else _kept(path)
    usual = [name for name in ROWS if not (quick and name in _SLOW)]
    chosen, failed = usual if rows is None else _chosen(rows), False
    for name in chosen:
        figures = _measured(name, conditions)
        failed = failed or figures is None
        kept |= {name: [replace(figure, when=told["when"]) for figure in figures]} if figures else {}
        _keep(path, told, kept)
    ordered = {name: kept[name] for name in ROWS if name in kept}
    click.echo(table(told, ordered))
    if write:
        _write("docs/benchmarks.md", table(told, ordered))
    sys.exit(1 if failed else 0)


def _measured(name: str, conditions: Conditions) -> list[Figure] | None:
    """The figures of one row; None when it failed."""
    started = time.monotonic()
    click.echo(f"{name} …", err=True)
    try:
        figures = ROWS[name](conditions)
    except (RuntimeError, OSError, ValueError) as failure:
        click.echo("\n".join([f"{name} failed: {failure}", *getattr(failure, "__notes__", [])]), err=True)
        return None
    click.echo(f"{name}: {time.monotonic() - started:.0f} s", err=True)
    return figures


def _chosen(rows: str) -> list[str]:
    names = [name.strip() for name in rows.split(",")]
    if unknown := sorted(set(names) - set(ROWS)):
        raise click.BadParameter(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return names


def _kept(path: Path) -> dict[str, list[Figure]]:
    """Rows measured before, under the same ``--quick`` and ``--fsync``."""
    rows = json.loads(path.read_text("utf-8"))["rows"] if path.exists() else {}
    return {name: [Figure.decode(fields) for fields in figures] for name, figures in rows.items()}


def _keep(path: Path, told: Mapping[str, str], kept: Mapping[str, list[Figure]]) -> None:
    rows = {name: [figure.encode() for figure in figures] for name, figures in kept.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"conditions": told, "rows": rows}, indent=1), encoding="utf-8")


def _write(page: str, text: str) -> None:
    path = ROOT / page
    path.write_text(replaced(path.read_text("utf-8"), "bench", text), encoding="utf-8")


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that every context manager stops what it started
