"""Looks for numbers and parameters in what the store and the relay's processes wrote to disk.

Condition 14: payloads are encrypted in the store, and logs never hold any. Takes the folder of a run; returns offences, which
name file and place and not what was found. Files are read in pieces.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.judge.judge import Offence

_FOUND = re.compile(rb"861390\d{7}|sim:[a-zA-Z0-9]{3}")  # numbers of the load; parameters that tell the simulator what to do
_PIECE = 1 << 24  # bytes
_OVERLAP = 32
_MOST = 5  # places named of each file


def exposed(folder: Path) -> Iterator[Offence]:
    """An offence for each file with a number or a parameter."""
    for file in files_of(folder):
        places = list(_places(file))
        if places:
            named = ", ".join(map(str, places[:_MOST]))
            yield Offence(14, "", f"{file.relative_to(folder)} holds {len(places)} numbers or parameters, at byte {named}")


def files_of(folder: Path) -> list[Path]:
    """The store's files, and the log of every process."""
    return sorted(file for file in [*folder.glob("*valkey/**/*"), *folder.glob("*.log")] if file.is_file())


def _places(file: Path) -> Iterator[int]:
    with file.open("rb") as stream:
        start, rest = 0, b""
        while piece := stream.read(_PIECE):
            text = rest + piece
            for found in _FOUND.finditer(text):
                if found.end() > len(rest):
                    yield start + found.start()
            rest = text[-_OVERLAP:]
            start += len(text) - len(rest)
