"""Worker logs: what workers logged about their processes that ended abnormally.

Takes the workers as parts. Returns counts and lines.
"""

import json
from collections import Counter
from collections.abc import Iterable

from tests.chaos.stage.part import Part

_HUNG = ("did not stop in time, killed", "not finished in time, exiting")
_REPLACED = "worker process exited, restarting it"


def hung(workers: Iterable[Part]) -> list[str]:
    """Of each process that was told to stop and had to be killed, the line of the log."""
    lines = [(worker.name, line) for worker in workers for line in worker.log().splitlines()]
    return [f"{name}: {line}" for name, line in lines if any(words in line for words in _HUNG)]


def replaced(workers: Iterable[Part]) -> Counter[str]:
    """Processes that ended by themselves and were replaced by their parent."""
    found: Counter[str] = Counter()
    for worker in workers:
        for line in worker.log().splitlines():
            if _REPLACED in line and (code := json.loads(line)["code"]) >= 0:
                found[f"a worker process ended by itself with {code}, and was replaced"] += 1
    return found
