"""Too few replicas have a begin, or the vendor's answer: nothing is submitted, and the answer is held, until they do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay.store.records import Records
from smsrelay_worker.attempts.timeouts import Timeouts
from tests.support.messages import ACCEPTED, RETENTION, TIMEOUTS, ended, enqueuer, job, recording, sending
from tests.support.replicated_valkey import Replicated
from tests.support.scripted_vendor import Script, scripted_vendor, yisha
from tests.support.waiting import eventually

NEVER_TOO_LATE = replace(TIMEOUTS, stall=600.0, lease=600.0)
ALWAYS_TOO_LATE = replace(TIMEOUTS, stall=-1.0)


@dataclass(frozen=True)
class Scene:
    """Messages that a worker has begun while the replicas are frozen, and what the vendor has received."""

    ids: list[str]
    store: Records
    replicated: Replicated
    script: Script

    def records(self) -> list[Record]:
        return [reading.record for one in self.ids if (reading := self.store.read(one)) is not None]

    def barriers(self) -> int:
        with self.replicated.primary.client() as client:
            return int(client.info("commandstats").get("cmdstat_wait", {"calls": 0})["calls"])


@contextmanager
def attempted(replicated: Replicated, timeouts: Timeouts, number: int) -> Iterator[Scene]:
    """On leaving, the replicas are back, and every message was attempted."""
    url = replicated.primary.url
    with (
        closing(open_store(StoreAddress(url))) as near,
        closing(open_store(replicated.address(wait=1.0))) as far,
        enqueuer(near, url) as door,
        scripted_vendor() as script,
        yisha(script.url) as vendor,
        ThreadPoolExecutor(1) as thread,
    ):
        ids = [one.message_id for one in door.enqueue_all([job() for _ in range(number)])]
        replicated.freeze()
        sender = sending(Records(far, RETENTION), far, vendor, timeouts=timeouts)
        outcomes = thread.submit(sender.attempt, ids)
        scene = Scene(ids, Records(near, RETENTION), replicated, script)
        try:
            before = scene.barriers()
            eventually(lambda: scene.barriers() > before + 2, "the replicas are asked for again and again")
            yield scene
            replicated.thaw()
            outcomes.result()
        finally:
            sender.stop()
            replicated.thaw()


@pytest.mark.parametrize("number", [1, 8])
def test_a_begin_that_too_few_replicas_have_is_not_submitted_before_they_have_it(replicated: Replicated, number: int) -> None:
    with attempted(replicated, NEVER_TOO_LATE, number) as scene:
        assert {record.state for record in scene.records()} == {State.SUBMITTING}
        assert scene.script.received == []
    assert len(scene.script.received) == number


def test_a_begin_that_is_kept_too_late_is_retried_as_surely_not_sent(replicated: Replicated) -> None:
    with attempted(replicated, ALWAYS_TOO_LATE, 8) as scene:
        assert {record.state for record in scene.records()} == {State.SUBMITTING}
    with closing(open_store(StoreAddress(replicated.primary.url))) as near:
        readings = [Records(near, RETENTION).read(one) for one in scene.ids]
    assert {reading.record.timeline[-1].code for reading in readings if reading} == {"worker_stalled"}
    assert scene.script.received == []


def test_an_answer_that_too_few_replicas_have_is_held_and_recorded_again(replicated: Replicated) -> None:
    url = replicated.primary.url
    asked: list[float] = []

    def pause(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 2:
            replicated.thaw()

    with (
        closing(open_store(StoreAddress(url))) as near,
        closing(open_store(replicated.address(wait=1.0))) as redis,
        enqueuer(near, url) as door,
    ):
        store = Records(redis, RETENTION)
        answered = ended(store, door.enqueue(job()).message_id, "me", ACCEPTED)
        replicated.freeze()
        result = recording(store, redis, monotonic=lambda: 0.0, sleep=pause).record(answered)
    assert len(asked) >= 2
    assert "submitted" in str(result)


def test_an_answer_that_no_replica_has_within_the_lease_is_not_told_as_recorded(replicated: Replicated) -> None:
    url = replicated.primary.url
    with (
        closing(open_store(StoreAddress(url))) as near,
        closing(open_store(replicated.address(wait=1.0))) as redis,
        enqueuer(near, url) as door,
    ):
        store = Records(redis, RETENTION)
        answered = ended(store, door.enqueue(job()).message_id, "me", ACCEPTED)
        replicated.freeze()
        over = TIMEOUTS.lease + 1
        with pytest.raises(StoreUnavailable, match="kept by 0 of 1 replicas in time"):
            recording(store, redis, monotonic=lambda: over, sleep=lambda _seconds: None).record(answered)
