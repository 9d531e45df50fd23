"""RowsProgress: shows on standard error how far ``smsrelay bulk`` is: a bar on a terminal, else a line every 100,000 rows."""

from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_EVERY = 100_000


class RowsProgress:
    """Counts rows and shows the progress while the context is entered."""

    def __init__(self, total: int) -> None:
        self.done = 0
        self._total = total
        console = Console(stderr=True)
        columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console) if console.is_terminal else None

    def advance(self) -> None:
        """Count one more row as done."""
        self.done += 1
        if self._bar is None:
            if self.done % _EVERY == 0:
                click.echo(f"{self.done:,} of {self._total:,} rows", err=True)
        elif self.done % 100 == 0 or self.done == self._total:
            self._bar.update(self._task, completed=self.done)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._task = self._bar.add_task("rows", total=self._total)
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
