"""A grip: the time a worker holds a message, from receiving its task until the task ends or the worker is killed.

Parses what ``observed`` wrote, line by line, into grips. A last line truncated by a kill is dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grip:
    """Instants in epoch ms. ``until`` None: until the end of a process that was not killed."""

    message_id: str
    since: int
    until: int | None
    killed: bool  # it ended with the worker
    pid: int = 0  # of the worker process


def read_grips(text: str, killed_at: int | None, pid: int = 0) -> list[Grip]:
    """Every grip of one life of a worker."""
    open_tasks: dict[str, tuple[int, list[str]]] = {}
    grips: list[Grip] = []
    for at, sign, task, *ids in _lines(text):
        if sign == "+":
            open_tasks[task] = int(at), ids[0].split(",") if ids else []
        elif task in open_tasks:
            since, held = open_tasks.pop(task)
            grips += [Grip(one, since, int(at), killed=False, pid=pid) for one in held]
    for since, held in open_tasks.values():
        grips += [Grip(one, since, killed_at, killed=killed_at is not None, pid=pid) for one in held]
    return grips


def _lines(text: str) -> Iterator[list[str]]:
    whole = text[: text.rfind("\n") + 1]
    return (line.split() for line in whole.splitlines())
