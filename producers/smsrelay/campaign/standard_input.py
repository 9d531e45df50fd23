"""Standard input as a file that can be read twice: a copy without a name, which is gone as soon as the process ends.

A pipe that was cut off looks like one that has ended, so its text has to end with a whole line. Raises ``Rejection``, and
``OSError`` when there is no room for the copy.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from smsrelay.contract.rejection import Rejection

_BLOCK = 1 << 20
_LINE_END = 4  # bytes, in the widest encoding


@contextmanager
def copied(source: IO[bytes]) -> Iterator[Path]:
    """A path to a copy of everything in ``source``, in TMPDIR or else ``/tmp``."""
    if source.isatty():
        raise Rejection.of("-", "is a terminal: redirect a file to it, like < spring.csv")
    with tempfile.TemporaryFile() as copy:
        end = b""
        while block := source.read(_BLOCK):
            copy.write(block)
            end = (end + block)[-_LINE_END:]
        copy.flush()
        if end and not end.rstrip(b"\0").endswith((b"\n", b"\r")):
            raise Rejection.of("-", "ends in the middle of a line, as if it was cut off; if it is whole, end it with a newline")
        yield Path(f"/dev/fd/{copy.fileno()}")


def is_standard_input(path: Path) -> bool:
    """Whether this file is what standard input reads from."""
    try:
        return os.path.samestat(path.stat(), os.fstat(sys.stdin.fileno()))
    except (OSError, ValueError):
        return False
