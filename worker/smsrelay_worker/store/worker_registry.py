"""WorkerRegistry: which worker processes are alive, as they say themselves every few seconds.

Enters: word of a process. Leaves: every process that was heard of lately, on the store's clock; one that ends in order is gone at
once, one that was killed or froze after ``GONE``. Fails with ``StoreUnavailable``; then nobody is told, and everybody works on.
"""

import json
from dataclasses import asdict, dataclass

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.script import Script
from smsrelay_worker.store.shared_settings import SharedSettings

BEAT = 5.0  # seconds between two words of a process
GONE = 20.0  # seconds of silence


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """One process, as it is told of."""

    name: str  # as Flower shows it
    host: str
    pid: int
    queues: tuple[str, ...]  # that it takes tasks from now; none without its broker
    since: int  # ms, by the clock of its host
    given: SharedSettings | None = None  # None: of a version that reports none

    def encode(self) -> str:
        """As the store keeps it; the same each time."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def decode(cls, line: str) -> "WorkerProcess":
        """Read what ``encode`` wrote."""
        told = json.loads(line)
        given = SharedSettings.decode(told.get("given"))
        return cls(told["name"], told["host"], told["pid"], tuple(told["queues"]), told["since"], given)


class WorkerRegistry:
    """The processes that are alive."""

    def __init__(self, redis: Redis) -> None:
        self._script = Script(redis, __name__, "worker_registry.lua")

    def alive(self, process: WorkerProcess) -> None:
        """A process is alive; raises ``StoreUnavailable``."""
        self._told(process.encode())

    def leaves(self, process: WorkerProcess) -> None:
        """A process ends; raises ``StoreUnavailable``."""
        self._told(process.encode(), leaves=True)

    def processes(self) -> tuple[WorkerProcess, ...]:
        """All that are alive, by name; raises ``StoreUnavailable``."""
        found = [WorkerProcess.decode(line) for line in self._told("")]
        return tuple(sorted(found, key=lambda one: (one.name, one.host, one.pid)))

    def _told(self, wire: str, leaves: bool = False) -> list[str]:
        return list(self._script.run([keys.WORKERS], [wire, int(GONE * 1000), int(leaves)]))
