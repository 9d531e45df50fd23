"""The console of every table we print: as wide as the terminal, and wide enough to read where there is none.

And what is foreign text on a terminal: shown, never obeyed.
"""

import os
import sys

from rich.console import Console

from smsrelay.contract.character import terminal_acts_on

_PIPED = 150  # columns, when nobody says


def wide_console() -> Console:
    """A console on standard output; a pipe or a file gets whole lines, unless ``COLUMNS`` says otherwise."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_PIPED if piped else None)


def escaped(text: str) -> str:
    """Foreign text with everything in it that a terminal would act on spelled out (``\\x1b``); lines and tabs stay."""
    plain = text.replace("\r\n", "\n")
    return "".join(one if one in "\n\t" or not terminal_acts_on(one) else one.encode("unicode_escape").decode() for one in plain)
