"""Telling: one time that a sink was told of an outcome, as the sink noted it. Notes are JSON lines in a file.

A sink writes a note before it answers, and begins each of its lives with an empty line, so that a line cut short by a kill spoils
no other.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WEBHOOK, CELERY = "webhook", "celery"


@dataclass(frozen=True, slots=True)
class Telling:
    """``processed``: the app has acted on it; otherwise it failed before. ``answer``: what it answered, or did instead."""

    at: int  # epoch ms
    way: str  # WEBHOOK or CELERY
    place: str  # path of the webhook, or name of the queue
    event_id: str  # from the webhook's header or the task's id
    body: str
    genuine: bool  # the signature holds; the task has the right name and one argument
    processed: bool
    answer: str

    @property
    def event(self) -> Mapping[str, Any]:
        """The body, read; empty if it cannot be."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Notes:
    """The file of one sink."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._file, b"\n")

    def write(self, telling: Telling) -> None:
        """Add one, in a single write."""
        os.write(self._file, json.dumps(asdict(telling)).encode() + b"\n")


def read_notes(path: Path) -> Iterator[Telling]:
    """Every note that was written wholly."""
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            yield Telling(**json.loads(line))
        except (ValueError, TypeError):
            continue
