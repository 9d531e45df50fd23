"""WorkerRegistry: which worker processes are alive, by their heartbeats on the store's clock.

A process that stops in order is gone at once; one that was killed or is frozen, ``GONE`` seconds after its last heartbeat. Raises
``StoreUnavailable``; the heartbeat is then missing, and the worker works on.
"""

import json
from dataclasses import asdict, dataclass

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.script import Script
from smsrelay_worker.store.shared_settings import SharedSettings

BEAT = 5.0  # seconds between two heartbeats of a process
GONE = 20.0  # seconds of silence


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker process, as it describes itself."""

    name: str  # as Flower shows it
    host: str
    pid: int
    queues: tuple[str, ...]  # it consumes from now; none while its broker is away
    since: int  # ms, on its host's clock
    given: SharedSettings | None = None  # None: of a version that does not report them

    def encode(self) -> str:
        """As the store keeps it; always the same string for the same process."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def decode(cls, line: str) -> "WorkerProcess":
        """Read what ``encode`` wrote."""
        fields = json.loads(line)
        given = SharedSettings.decode(fields.get("given"))
        return cls(fields["name"], fields["host"], fields["pid"], tuple(fields["queues"]), fields["since"], given)


class WorkerRegistry:
    """The living worker processes; safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._script = Script(redis, __name__, "worker_registry.lua")

    def alive(self, process: WorkerProcess) -> None:
        """Record a heartbeat; raises ``StoreUnavailable``."""
        self._report(process.encode())

    def leaves(self, process: WorkerProcess) -> None:
        """Remove a process that ends; raises ``StoreUnavailable``."""
        self._report(process.encode(), leaves=True)

    def processes(self) -> tuple[WorkerProcess, ...]:
        """All living processes, by name; raises ``StoreUnavailable``."""
        found = [WorkerProcess.decode(line) for line in self._report("")]
        return tuple(sorted(found, key=lambda one: (one.name, one.host, one.pid)))

    def _report(self, wire: str, leaves: bool = False) -> list[str]:
        return list(self._script.run([keys.WORKERS], [wire, int(GONE * 1000), int(leaves)]))
