"""The ending: the workers' state after the drain, and whether each of their processes stops when told to.

Takes a stage whose every fault is over. Returns what was found; ``offences_of`` it is pure.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.chaos.judge.judge import Offence
from tests.chaos.stage.grip import Grip
from tests.chaos.stage.ground import Ground
from tests.chaos.stage.worker_logs import hung

STOP_WITHIN = 20.0  # seconds an idle process may take to stop
_SETTLED_WITHIN = 40.0  # seconds: a dead process is listed for 20 s, a new one after it has started
_POLL = 1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """Processes by pid. ``stopped_after``: seconds; None: not within ``STOP_WITHIN``."""

    alive: frozenset[int]
    listed: frozenset[int]  # by ``smsrelay status``
    in_hand: Mapping[int, tuple[str, ...]]  # messages of tasks that were received and are not over
    stopped_after: Mapping[int, float | None]
    unready: tuple[str, ...] = ()  # receivers
    hung: tuple[str, ...] = ()  # lines of the log about processes that had to be killed, in the whole run


def watch_the_end(stage: Ground) -> Ending:
    """Look at the workers once they have settled, then stop them."""
    until = time.monotonic() + _SETTLED_WITHIN
    while True:
        alive, listed = frozenset(stage.worker_processes()), _listed(stage)
        in_hand = _in_hand(stage.grips([]), alive)
        if (alive == listed and not in_hand) or time.monotonic() > until:
            return Ending(
                alive, listed, in_hand, stage.stop_workers(STOP_WITHIN), tuple(stage.unready()), tuple(hung(stage.workers))
            )
        time.sleep(_POLL)


def offences_of(ending: Ending) -> Iterator[Offence]:
    """An offence for everything that is wrong."""
    if missing := sorted(ending.alive - ending.listed):
        yield Offence(7, "", f"{len(missing)} worker processes are alive and not listed by smsrelay status: {missing}")
    if gone := sorted(ending.listed - ending.alive):
        yield Offence(7, "", f"{len(gone)} worker processes are listed by smsrelay status and not alive: {gone}")
    for receiver in ending.unready:
        yield Offence(7, "", f"{receiver} runs and is not ready")
    for line in ending.hung:
        yield Offence(7, "", f"a worker process did not stop by itself: {line}")
    for pid, messages in sorted(ending.in_hand.items()):
        yield Offence(7, "", f"worker process {pid} still has a task in hand: {', '.join(messages)}")
    for pid, seconds in sorted(ending.stopped_after.items()):
        if seconds is None:
            yield Offence(7, "", f"worker process {pid} was told to stop, and had not after {STOP_WITHIN:g} s")


def _listed(stage: Ground) -> frozenset[int]:
    status = stage.command("status", "--json")
    return frozenset(int(one["pid"]) for one in json.loads(status.stdout)["workers"]) if status.returncode == 0 else frozenset()


def _in_hand(grips: Iterable[Grip], alive: frozenset[int]) -> dict[int, tuple[str, ...]]:
    held: dict[int, tuple[str, ...]] = {}
    for grip in grips:
        if grip.until is None and grip.pid in alive:
            held[grip.pid] = (*held.get(grip.pid, ()), grip.message_id)
    return held
