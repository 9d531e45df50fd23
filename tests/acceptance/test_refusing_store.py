"""Redis, broker and store in one, answers all the time and does nothing: BUSY with another app's script, then too few replicas.

Real workers under load. What a process ended by it would show: another pid, a code twice, a callback that was not answered 200.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreUnavailable
from tests.support.arrivals import each_arrived_once
from tests.support.processes import children_of, pids
from tests.support.refusals import busy, too_few_replicas
from tests.support.relay_process import RelayProcess, a_job, running_relay
from tests.support.waiting import eventually

_BUSY, _TOO_FEW = 8.0, 5.0  # seconds
_BACK = 120.0  # seconds until everything goes on
_PAUSE = 0.05  # seconds between two jobs of an app
_BEFORE = 40  # messages accepted before the first refusal
_PROCESSES = 5  # of a worker, beside their parent


@dataclass
class Apps:
    """Two apps that send all the time and, as documented, call again under the same reference while the store is away."""

    relay: RelayProcess
    accepted: dict[str, str] = field(default_factory=dict)  # recipient by message id
    refusals: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, lane: Lane) -> None:
        while not self._stopping.wait(_PAUSE):
            job = a_job(lane)
            while not self._accepted(job):
                time.sleep(_PAUSE)

    def are_refused(self, word: str, seconds: float) -> None:
        """For so long, and every time for the reason that the word names."""
        since, over = len(self.refusals), time.monotonic() + seconds
        eventually(lambda: time.monotonic() > over and word in self.refusals[-1], f"it refuses with {word}")
        assert {word in told for told in self.refusals[since + len(list(Lane)) :]} == {True}

    def go_on(self, word: str) -> None:
        enough = len(self.accepted) + _BEFORE
        eventually(lambda: len(self.accepted) >= enough, f"after {word} the apps go on", _BACK)

    def _accepted(self, job: SendJob) -> bool:
        try:
            accepted = self.relay.relay.enqueuer.enqueue(job)
        except StoreUnavailable as error:
            self.refusals.append(str(error))
            return False
        self.accepted[accepted.message_id] = job.to
        return True

    def __enter__(self) -> "Apps":
        self._threads = [threading.Thread(target=self.run, args=(lane,)) for lane in (Lane.OTP, Lane.NOTICE)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("refusing") / "relay", together=False) as running:
        eventually(lambda: len(_workers(running)) == _PROCESSES, "the workers are up")
        yield running


def test_a_store_that_refuses_for_seconds_loses_doubles_and_ends_nothing(relay: RelayProcess, tmp_path: Path) -> None:
    url, began = relay.environment["SMSRELAY_STORE_URL"], time.time()
    before = _children(relay)
    with Apps(relay) as apps:
        eventually(lambda: len(apps.accepted) >= _BEFORE, "the apps are under way")
        for refusing, seconds, word in ((busy, _BUSY, "BUSY"), (too_few_replicas, _TOO_FEW, "NOREPLICAS")):
            with refusing(url):
                apps.are_refused(word, seconds)
            apps.go_on(word)
    each_arrived_once(relay, apps.accepted, _BACK)
    assert Counter(callback.http for callback in relay.simulator.callbacks(since=began)).keys() == {200}
    assert _children(relay) == before, "a worker process ended"
    eventually(lambda: len(_workers(relay)) == _PROCESSES, "status shows every worker")
    log = (relay.data / "worker.log").read_text("utf-8")
    assert not [line for line in log.splitlines() if json.loads(line)["level"] in {"critical", "error"}]


def _children(relay: RelayProcess) -> list[int]:
    [parent] = pids(relay.data, "[smsrelay worker]")
    return children_of(parent)


def _workers(relay: RelayProcess) -> list[str]:
    said = relay.cli("status", "--json")
    return [worker["name"] for worker in json.loads(said.stdout)["workers"]] if said.returncode == 0 else []
