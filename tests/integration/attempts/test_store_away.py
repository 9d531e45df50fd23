"""The store goes away while a worker holds what the vendor answered: it is kept in hand, and nobody submits again for it."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.records import Records
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages.task_result import TaskResult
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import POLICY, RETENTION, TIMEOUTS, begin, ended, enqueuer, job, recording, sending
from tests.support.scripted_vendor import ACCEPTED, Script, answer, scripted_vendor, yisha
from tests.support.severed import Severed, severed_in_a_begin
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

_AWAY = 60.0  # seconds
_TRIES = 2 * 3  # the client itself tries three times


@dataclass(frozen=True)
class Scene:
    """A sender whose store goes away when the vendor has a submit."""

    ids: list[str]
    store: Records
    severed: Severed
    script: Script
    outcomes: "Future[list[TaskResult]]"

    def records(self) -> list[Record]:
        return [reading.record for one in self.ids if (reading := self.store.read(one)) is not None]


@contextmanager
def away_scene(redis: StoreRedis, valkey_url: str, timeouts: Timeouts = TIMEOUTS, number: int = 1) -> Iterator[Scene]:
    with enqueuer(redis, valkey_url) as door:
        ids = [one.message_id for one in door.enqueue_many([job(Lane.OTP) for _ in range(number)])]
    address, _, database = valkey_url.rpartition("/")
    with (
        severed_in_a_begin(int(address.rpartition(":")[2])) as severed,
        scripted_vendor() as script,
        yisha(script.url) as vendor,
        ThreadPoolExecutor(1) as thread,
        open_store(StoreAddress(f"redis://127.0.0.1:{severed.port}/{database}")) as far,
    ):
        severed.was_cut = True  # the begins pass

        def cut(connection: socket.socket) -> bool:
            severed.cut.set()
            return answer(ACCEPTED)(connection)

        script.reaction = cut
        outcomes = thread.submit(sending(Records(far, RETENTION), far, vendor, timeouts=timeouts).attempt, ids)
        try:
            yield Scene(ids, Records(redis, RETENTION), severed, script, outcomes)
        finally:
            severed.mend()


@pytest.mark.parametrize("number", [1, 8])
def test_what_the_vendor_answered_is_recorded_once_the_store_is_back(redis: StoreRedis, valkey_url: str, number: int) -> None:
    with away_scene(redis, valkey_url, number=number) as scene:
        eventually(lambda: scene.severed.refused > _TRIES, "the store is asked again")
        assert State.SUBMITTING in {record.state for record in scene.records()}
        scene.severed.mend()
        scene.outcomes.result()
        assert {(record.state, record.attempt) for record in scene.records()} == {(State.SUBMITTED, 1)}
        assert len(scene.script.received) == number


def test_when_the_lease_is_over_the_lease_decides(redis: StoreRedis, valkey_url: str) -> None:
    with away_scene(redis, valkey_url, replace(TIMEOUTS, lease=0.0)) as scene:
        with pytest.raises(StoreUnavailable):
            scene.outcomes.result()
        assert scene.severed.cut.is_set()


def test_an_answer_recorded_twice_takes_nothing_from_who_began_the_attempt_since(redis: StoreRedis, valkey_url: str) -> None:
    store = Records(redis, RETENTION)
    with enqueuer(redis, valkey_url) as door:
        message_id = door.enqueue(job()).message_id
    throttled = ended(store, message_id, "first", Answer(Kind.THROTTLED, "http_429"))
    answers = recording(store, redis)
    answers.record(throttled)
    redis.hset(KEYS.message(message_id), "due", 1)
    begin(store, message_id, "second")
    answers.record(replace(throttled, recorded=Future()))  # its first word was lost on the way
    reading = store.read(message_id)
    assert reading is not None
    assert (reading.record.state, reading.record.attempt, reading.record.owner) == (State.SUBMITTING, 1, "second")


def test_an_uncertain_otp_waits_for_its_report_from_when_the_store_is_back(redis: StoreRedis, valkey_url: str) -> None:
    store, clock = Records(redis, RETENTION), [0.0]
    with enqueuer(redis, valkey_url) as door:
        message_id = door.enqueue(job(Lane.OTP)).message_id
    reset = ended(store, message_id, "worker", Answer(Kind.UNCERTAIN, "connection_reset"))
    address, _, database = valkey_url.rpartition("/")
    with (
        severed_in_a_begin(int(address.rpartition(":")[2])) as severed,
        open_store(StoreAddress(f"redis://127.0.0.1:{severed.port}/{database}")) as far,
    ):
        severed.was_cut = True
        severed.cut.set()

        def away(_: float) -> None:
            clock[0] += _AWAY
            severed.mend()

        patient = replace(TIMEOUTS, lease=2 * _AWAY)
        recording(Records(far, RETENTION), redis, sleep=away, monotonic=lambda: clock[0], timeouts=patient).record(reset)
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is State.UNCERTAIN
    assert redis.zscore(KEYS.agenda, message_id) == reset.attempt.begun_at + 1000 * (_AWAY + POLICY.uncertain[Lane.OTP].window)
