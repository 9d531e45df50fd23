"""An extra worker beside a relay's own, which no supervisor restarts; and a way to pause the relay's workers.

Takes a running relay. Gives either a worker process with its children, killed at the end if it still runs, or paused workers
that have no pop open at the broker. Fails if that state is not reached in time.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping

from tests.support.processes import pids
from tests.support.relay_process import ROOT, RelayProcess
from tests.support.waiting import eventually

FIRST, SECOND = "--name worker ", "--name worker2 "
BACK = 90.0  # seconds until everything has ended well, on a machine that may stand still for many of them
PROCESSES = 5  # of a worker, beside their parent


@contextlib.contextmanager
def second_worker(relay: RelayProcess, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A second worker, ready to work."""
    ready = starts_of(relay, "worker2") + (1 if "--together" in options else PROCESSES)
    with second_worker_started(relay, *options) as second:
        eventually(lambda: starts_of(relay, "worker2") == ready, "the second worker is ready", BACK)
        yield second


@contextlib.contextmanager
def second_worker_started(
    relay: RelayProcess, *options: str, settings: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A second worker that may not be ready yet; ``settings`` go over the relay's."""
    environment = {**relay.environment, **(settings or {})}
    with (relay.data / "worker2.log").open("ab") as log:
        command = [sys.executable, "-m", "smsrelay_worker", "worker", "--name", "worker2", *options]
        second = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield second
    finally:
        kill(relay, second)


def kill(relay: RelayProcess, second: "subprocess.Popen[bytes]") -> None:
    """The second worker with all its processes, none of which gets to know of the others' end."""
    for pid in pids(relay.data, SECOND):
        os.kill(pid, signal.SIGKILL)
    second.wait()


@contextlib.contextmanager
def frozen(relay: RelayProcess, *workers: str) -> Iterator[None]:
    """Stop all workers, and have the broker give up on their blocking pops, so that no task falls into their hands any more."""
    stopped = [pid for words in workers for pid in pids(relay.data, words)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: not _popping(relay), "the stopped workers' pops are over", BACK)
        yield
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):  # killed meanwhile
                os.kill(pid, signal.SIGCONT)


def starts_of(relay: RelayProcess, name: str) -> int:
    """How often a process of a worker of this name has become ready."""
    log = relay.data / f"{name}.log"
    return log.read_text("utf-8", "replace").count(" ready.") if log.exists() else 0


def _popping(relay: RelayProcess) -> bool:
    return any("b" in client["flags"] for client in relay.redis.client_list())
