"""The console for every table that we print, and foreign text made safe for a terminal."""

import os
import sys

from rich.console import Console

from smsrelay.contract.character import terminal_acts_on

_PIPED = 150  # columns where there is no terminal


def wide_console() -> Console:
    """A console on standard output. Without a terminal, lines have room for 150 columns, unless ``COLUMNS`` is set."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_PIPED if piped else None)


def escaped(text: str) -> str:
    """Text with everything that a terminal would act on escaped (``\\x1b``), except line feeds and tabs."""
    plain = text.replace("\r\n", "\n")
    return "".join(one if one in "\n\t" or not terminal_acts_on(one) else one.encode("unicode_escape").decode() for one in plain)
