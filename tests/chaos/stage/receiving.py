"""Receivers as a sender and the disk know them: what callbacks were answered, whether one is ready, and what it has spooled."""

import contextlib
import sqlite3
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence

_IN_ORDER = {200, 503, 0}  # stored; try again; no answer, because the receiver or the route to it was down


def misanswered(cases: Iterable[Case]) -> list[Offence]:
    """An offence for each callback that was answered otherwise: a receiver met something it was not made for."""
    return [
        Offence(8, case.message_id, f"the report {one.code} on attempt {attempt} was answered {one.http}")
        for case in cases
        for attempt, one in case.callbacks
        if one.http not in _IN_ORDER
    ]


def reports_in(data: Path) -> int:
    """Reports in the spool of a receiver, read as another process would."""
    with contextlib.closing(sqlite3.connect(f"file:{data / 'spool' / 'reports.sqlite'}?mode=ro", uri=True)) as spool:
        return int(spool.execute("SELECT count(*) FROM reports").fetchone()[0])


def receiver_answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a receiver says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
