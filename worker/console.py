"""The console of every table we print: as wide as the terminal, and wide enough to read where there is none.

And what is foreign text on a terminal: shown, never obeyed.
"""

import os
import sys
import unicodedata

from rich.console import Console

_PIPED = 150  # columns, when nobody says


def wide_console() -> Console:
    """A console on standard output; a pipe or a file gets whole lines, unless ``COLUMNS`` says otherwise."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=_PIPED if piped else None)


def escaped(text: str) -> str:
    """Foreign text with everything in it that a terminal would act on spelled out (``\\x1b``); lines and tabs stay."""
    plain = text.replace("\r\n", "\n")
    return "".join(one if one in "\n\t" or not _acts(one) else one.encode("unicode_escape").decode() for one in plain)


def _acts(character: str) -> bool:
    """Whether it is a control, a mark that turns the direction of writing, a separator of lines, or half a character."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
