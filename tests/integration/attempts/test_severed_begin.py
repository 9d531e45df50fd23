"""The store goes away in the middle of a gathered begin: what it began after all was surely not submitted, and nobody waits."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.records import Records
from smsrelay_worker.attempts.sender import Sender
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.task_result import TaskResult
from tests.support.messages import POLICY, RETENTION, TIMEOUTS, begin, enqueuer, job, sending
from tests.support.scripted_vendor import Script, scripted_vendor, yisha
from tests.support.severed import Severed, severed_after, severed_in_a_begin
from tests.support.sluice import script
from tests.support.waiting import eventually

_TRIES = 2 * 3  # the client itself tries three times

NEVER_TOO_LATE = replace(TIMEOUTS, stall=600.0, lease=600.0)
ALWAYS_TOO_LATE = replace(TIMEOUTS, stall=-1.0)


@dataclass(frozen=True)
class Scene:
    """A sender whose begins were cut in half, and what can be seen of it from elsewhere."""

    ids: list[str]
    store: Records
    severed: Severed
    sender: Sender
    script: Script
    outcomes: "Future[list[TaskResult]]"

    def records(self) -> list[Record]:
        return [reading.record for one in self.ids if (reading := self.store.read(one)) is not None]

    def states(self) -> Counter[State]:
        return Counter(record.state for record in self.records())


@contextmanager
def severed_scene(
    redis: StoreRedis, valkey_url: str, timeouts: Timeouts, number: int = 8, expires_in: int | None = None
) -> Iterator[Scene]:
    with enqueuer(redis, valkey_url) as door:
        ids = [one.message_id for one in door.enqueue_many([job(expires_in=expires_in) for _ in range(number)])]
        begin(
            Records(redis, RETENTION), door.enqueue(job()).message_id
        )  # else the first begins only bring that the script is new
    port = int(valkey_url.rpartition(":")[2].partition("/")[0])
    database = valkey_url.rpartition("/")[2]
    with (
        severed_in_a_begin(port) as severed,
        scripted_vendor() as script,
        yisha(script.url) as vendor,
        ThreadPoolExecutor(1) as thread,
        open_store(StoreAddress(f"redis://127.0.0.1:{severed.port}/{database}")) as far,
    ):
        sender = sending(Records(far, RETENTION), far, vendor, timeouts=timeouts)
        outcomes = thread.submit(sender.attempt, ids)
        try:
            eventually(lambda: severed.refused > _TRIES, "the store is asked again")
            yield Scene(ids, Records(redis, RETENTION), severed, sender, script, outcomes)
        finally:
            sender.stop()
            severed.mend()


@pytest.mark.parametrize("number", [1, 8])
def test_what_was_begun_is_submitted_once_when_the_store_is_back(redis: StoreRedis, valkey_url: str, number: int) -> None:
    with severed_scene(redis, valkey_url, NEVER_TOO_LATE, number) as scene:
        before = scene.states()
        scene.severed.mend()
        scene.outcomes.result()
        assert before[State.SUBMITTING] == 1 if number == 1 else 0 < before[State.SUBMITTING] < number
        assert scene.states() == {State.SUBMITTED: number}
        assert len(scene.script.received) == number
        assert {record.attempt for record in scene.records()} == {1}


def test_too_late_to_submit_it_is_retried_as_surely_not_sent(redis: StoreRedis, valkey_url: str) -> None:
    with severed_scene(redis, valkey_url, ALWAYS_TOO_LATE) as scene:
        scene.severed.mend()
        scene.outcomes.result()
        assert scene.states() == {State.RETRYING: 8}
        assert {record.timeline[-1].code for record in scene.records()} == {"worker_stalled"}
        assert scene.script.received == []


@pytest.mark.parametrize("number", [1, 8])
def test_what_was_begun_and_whose_deadline_passes_before_the_store_is_back_was_surely_not_sent(
    redis: StoreRedis, valkey_url: str, number: int
) -> None:
    """The store has dropped its number and parameters by then."""
    with severed_scene(redis, valkey_url, NEVER_TOO_LATE, number, expires_in=2) as scene:
        [deadline] = {max(record.expires_at for record in scene.records())}
        eventually(lambda: _now(scene.store, scene.ids[0]) > deadline, "the deadline has passed")
        scene.severed.mend()
        scene.outcomes.result()
        assert set(scene.states()) <= {State.QUEUED, State.EXPIRED}  # queued: due now, to be found expired
        assert scene.script.received == []


def test_an_absence_longer_than_the_lease_leaves_nothing_uncertain(redis: StoreRedis, valkey_url: str) -> None:
    with severed_scene(redis, valkey_url, ALWAYS_TOO_LATE) as scene:
        begun = [record.message_id for record in scene.records() if record.state is State.SUBMITTING]
        for one in begun:
            scene.store.change(one, lambda reading: lifecycle.woken(reading.record, POLICY, reading.now))
        assert scene.states()[State.UNCERTAIN] == len(begun) > 0
        scene.severed.mend()
        scene.outcomes.result()
        assert scene.states() == {State.RETRYING: 8}


def test_a_process_that_stops_does_not_wait_for_the_store(redis: StoreRedis, valkey_url: str) -> None:
    with severed_scene(redis, valkey_url, NEVER_TOO_LATE) as scene:
        assert not scene.outcomes.done()
        scene.sender.stop()
        with pytest.raises(StoreUnavailable):
            scene.outcomes.result()
        assert scene.severed.cut.is_set()


def test_slots_that_cannot_be_given_back_keep_nothing_from_being_submitted_that_is_begun(
    redis: StoreRedis, valkey_url: str
) -> None:
    """One message of two has expired since it was queued: nobody needs its slot, and then the store is away."""
    store = Records(redis, RETENTION)
    with enqueuer(redis, valkey_url) as door:
        late, good = (door.enqueue(job(expires_in=seconds)).message_id for seconds in (1, 600))
    eventually(lambda: _now(store, late) > _record(store, late).expires_at, "one has expired")
    port, _, database = valkey_url.rpartition(":")[2].partition("/")
    with (
        severed_after(int(port), script("smsrelay_worker.rate_limit", "give_back.lua")) as severed,
        scripted_vendor() as played,
        yisha(played.url) as vendor,
        open_store(StoreAddress(f"redis://127.0.0.1:{severed.port}/{database}")) as far,
    ):
        sending(store, far, vendor).attempt([late, good])
        assert severed.was_cut
    assert (_record(store, late).state, _record(store, good).state) == (State.EXPIRED, State.SUBMITTED)
    assert len(played.received) == 1


def _record(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record


def _now(store: Records, message_id: str) -> int:
    reading = store.read(message_id)
    assert reading is not None
    return reading.now
