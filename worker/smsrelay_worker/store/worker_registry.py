"""WorkerRegistry: which worker processes are alive, by their heartbeats on the store's clock.

A process that stops in order is gone at once; one that was killed or is frozen, ``GONE`` seconds after its last heartbeat. Raises
``StoreUnavailable``; the heartbeat is then missing, and the worker works on.
"""

import json
from dataclasses import asdict, dataclass

from smsrelay.store.connection import StoreRedis
from smsrelay.store.process_registry import ProcessRegistry
from smsrelay_worker.store.shared_settings import SharedSettings

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
    clock: int | None = None  # ms by which its host's clock is ahead of the store's; None: not measured yet

    def encode(self) -> str:
        """As the store keeps it; always the same string for the same process."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def decode(cls, line: str) -> "WorkerProcess":
        """Read what ``encode`` wrote."""
        fields = json.loads(line)
        given = SharedSettings.decode(fields.get("given"))
        return cls(
            fields["name"], fields["host"], fields["pid"], tuple(fields["queues"]), fields["since"], given, fields.get("clock")
        )


class WorkerRegistry:
    """The living worker processes; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._registry = ProcessRegistry(redis, redis.store_keys.workers, GONE)

    def alive(self, process: WorkerProcess, before: WorkerProcess | None = None) -> int | None:
        """Record a heartbeat; ``before``: what the process last said. Raises ``StoreUnavailable``.

        Returns by how many ms this host's clock is ahead of the store's; None if the store answered too late to tell.
        """
        return self._registry.beat(process.encode(), before.encode() if before else "")

    def leaves(self, process: WorkerProcess) -> None:
        """Remove a process that ends; raises ``StoreUnavailable``."""
        self._registry.leave(process.encode())

    def processes(self) -> tuple[WorkerProcess, ...]:
        """All living processes, by name; raises ``StoreUnavailable``. Writes nothing."""
        found = [WorkerProcess.decode(one.entry) for one in self._registry.listed()]
        return tuple(sorted(found, key=lambda one: (one.name, one.host, one.pid)))
