"""The console of every table we print: as wide as the terminal, and wide enough to read where there is none."""

import os
import sys

from rich.console import Console

_PIPED = 150  # columns, when nobody says


def wide_console() -> Console:
    """A console on standard output; a pipe or a file gets whole lines, unless ``COLUMNS`` says otherwise."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_PIPED if piped else None)
