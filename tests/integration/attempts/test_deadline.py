"""Nothing is submitted after its deadline, whatever comes between an attempt's begin and its POST; nothing expires before it."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Change, Decide, Reading, Records
from smsrelay_worker.attempts.attempt import Attempt
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.rate_limit.slot import Slot
from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind, Submission
from smsrelay_worker.vendors.yisha.adapter import Yisha
from smsrelay_worker.vendors.yisha.http import Post, open_session
from smsrelay_worker.vendors.yisha.request_body import Form, TooLate
from tests.support import messages
from tests.support.full_backlog import full_backlog
from tests.support.messages import POLICY, RETENTION, begin, changed, job, recording, sending, store_clock
from tests.support.scripted_vendor import SUBMISSION, Script, scripted_vendor, yisha
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted_vendor() as running:
        yield running


def record_of(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record


def expiring(store: Records, door: Enqueuer, seconds: int = 1) -> Record:
    """A message that has only so long."""
    return record_of(store, door.enqueue(job(expires_in=seconds)).message_id)


def at_rest(store: Records, door: Enqueuer, redis: StoreRedis, url: str, message_id: str) -> Record:
    """The message once the agenda has done what was left of it: nobody in a worker knows the store's clock to the millisecond."""
    agenda = messages.agenda(redis, url, door)

    def rests() -> bool:
        agenda.turn()
        return record_of(store, message_id).state is not State.QUEUED

    eventually(rests, "no worker and no time is waited for")
    return record_of(store, message_id)


def wait_past(redis: StoreRedis, instant: int) -> None:
    """Until the store's clock shows the instant."""
    eventually(lambda: store_clock(redis) > instant, "the deadline has passed")


@dataclass
class Late:
    """A vendor's adapter that gets to its POST only when the deadline has passed: its process stood still."""

    vendor: Yisha
    stand_still: Callable[[], None]

    def submit(self, submission: Submission) -> Answer:
        self.stand_still()
        return self.vendor.submit(submission)

    def pull(self, external_id: str) -> bytes | None:
        return None


def test_begun_in_time_and_late_at_the_post_it_is_not_submitted_and_expires(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script, valkey_url: str
) -> None:
    accepted = expiring(store, door)
    with yisha(script.url) as vendor:
        late = Late(vendor, lambda: wait_past(redis, accepted.expires_at))
        sending(store, redis, late).attempt([accepted.message_id])
    record = at_rest(store, door, redis, valkey_url, accepted.message_id)
    assert script.received == []
    assert (record.state, record.attempt) == (State.EXPIRED, 0)
    assert (record.timeline[2].attempt, record.timeline[2].code) == (1, DEADLINE_PASSED)
    assert record.timeline[-1].at >= accepted.expires_at
    assert not redis.exists(KEYS.payload(accepted.message_id))


@pytest.mark.parametrize("number", [1, 5])
def test_an_answer_to_the_begin_that_comes_after_the_deadline_submits_nothing(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script, valkey_url: str, number: int
) -> None:
    accepted = [expiring(store, door) for _ in range(number)]
    deadline = max(one.expires_at for one in accepted)

    class Loaded(Records):
        """The store's answers to begins are long on their way."""

        def change_many(self, owed: Sequence[tuple[Reading, Decide]], *, durable: bool = False) -> list[Change | None]:
            changes = super().change_many(owed, durable=durable)
            wait_past(redis, deadline)
            return changes

    with yisha(script.url) as vendor:
        sending(Loaded(redis, RETENTION), redis, vendor).attempt([one.message_id for one in accepted])
    assert script.received == []
    for one in accepted:
        record = at_rest(store, door, redis, valkey_url, one.message_id)
        assert (record.state, record.attempt) == (State.EXPIRED, 0)
        assert DEADLINE_PASSED in {line.code for line in record.timeline}
        assert record.timeline[-1].at >= one.expires_at


def test_without_another_slot_before_the_deadline_the_message_waits_for_nothing_but_that(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script
) -> None:
    """The slot of the begin is void, for the process stood still."""
    accepted = expiring(store, door)

    class Loaded(Records):
        def change_many(self, owed: Sequence[tuple[Reading, Decide]], *, durable: bool = False) -> list[Change | None]:
            changes = super().change_many(owed, durable=durable)
            wait_past(redis, store_clock(redis) + 600)
            return changes

    with yisha(script.url) as vendor:
        sending(Loaded(redis, RETENTION), redis, vendor, rate=0.5).attempt([accepted.message_id])
    record = record_of(store, accepted.message_id)
    assert script.received == []
    assert (record.state, record.attempt, record.timeline[-1].code) == (State.QUEUED, 0, DEADLINE_PASSED)
    assert record.due == redis.zscore(KEYS.agenda, record.message_id) == accepted.expires_at


def test_a_connection_that_stands_after_the_deadline_is_not_written_to(
    store: Records, door: Enqueuer, redis: StoreRedis, valkey_url: str
) -> None:
    accepted = expiring(store, door)
    with full_backlog() as gate, ThreadPoolExecutor(1) as thread, yisha(gate.url, connect_timeout=30.0) as vendor:
        outcome = thread.submit(sending(store, redis, vendor).attempt, [accepted.message_id])
        eventually(lambda: record_of(store, accepted.message_id).state is State.SUBMITTING, "begun")
        wait_past(redis, accepted.expires_at)
        with gate.open() as connection:
            outcome.result()
            assert connection.recv(1) == b""
    record = at_rest(store, door, redis, valkey_url, accepted.message_id)
    assert (record.state, record.timeline[2].code) == (State.EXPIRED, DEADLINE_PASSED)


def test_a_resend_late_at_the_post_waits_for_the_report_of_the_attempt_before(
    store: Records, door: Enqueuer, redis: StoreRedis, script: Script, valkey_url: str
) -> None:
    message_id = door.enqueue(job(Lane.OTP)).message_id
    begin(store, message_id, "first")
    for _ in range(2):  # its lease runs out, then its window
        changed(store, message_id, lambda reading: lifecycle.woken(reading.record, POLICY, reading.now + 60_000))
    assert record_of(store, message_id).state is State.QUEUED
    expires_at = store_clock(redis) + 1000
    redis.hset(KEYS.message(message_id), "exp", expires_at)
    with yisha(script.url) as vendor:
        sending(store, redis, Late(vendor, lambda: wait_past(redis, expires_at))).attempt([message_id])
    record = at_rest(store, door, redis, valkey_url, message_id)
    assert script.received == []
    assert (record.state, record.attempt) == (State.UNCERTAIN, 1)
    assert (2, DEADLINE_PASSED) in {(line.attempt, line.code) for line in record.timeline}


def test_an_adapter_goes_on_with_the_next_submit(script: Script) -> None:
    with yisha(script.url, measure=lambda: 5.0) as vendor:
        assert vendor.submit(SUBMISSION).kind is Kind.ANSWERED
        late = vendor.submit(replace(SUBMISSION, not_after=5.0))
        assert (late.kind, late.code) == (Kind.UNREACHABLE, DEADLINE_PASSED)
        assert vendor.submit(replace(SUBMISSION, not_after=5.1)).kind is Kind.ANSWERED
    assert len(script.received) == 2


def test_nothing_is_written_when_the_deadline_passes_during_the_tls_handshake(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    clock, got = [0.0], list[bytes]()
    with socket.create_server(("127.0.0.1", 0)) as listening, open_session(1) as session:

        def answers_late() -> None:
            connection, _ = listening.accept()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            clock[0] = 2.0  # the deadline passes while the client waits for the server's part
            with connection, context.wrap_socket(connection, server_side=True) as secured:
                got.append(secured.recv(1))

        server = threading.Thread(target=answers_late)
        server.start()
        url = f"https://localhost:{listening.getsockname()[1]}/"
        form = Form({"mobile": "x"}, not_after=1.0, monotonic=lambda: clock[0])
        with pytest.raises(TooLate):
            session.get_adapter(url).send(Post(url, {}, form, len(form)), timeout=(30, 30), verify=str(certificate))
        server.join()
    assert got == [b""]
    assert not form.begun


def test_no_answer_of_an_attempt_that_was_late_counts_in_the_circuit_or_as_a_probe(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    late = Answer(Kind.UNREACHABLE, DEADLINE_PASSED)
    redis.hset(KEYS.circuit, mapping={"since": 1, "wait": 5000, "probe": 1})
    probe = messages.ended(store, door.enqueue(job()).message_id, "me", late, probe=True)
    recording(store, redis).record(probe)
    assert redis.hget(KEYS.circuit, "wait") == "5000"
    redis.delete(KEYS.circuit)
    answers = recording(store, redis)
    for _ in range(30):
        answers.record(messages.ended(store, door.enqueue(job()).message_id, "me", late))
    assert not redis.exists(KEYS.circuit)


def test_the_deadline_on_the_monotonic_clock_is_never_late_and_the_stores_time_never_ahead(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    accepted = expiring(store, door, 60)
    change = begin(store, accepted.message_id)
    assert change is not None
    assert change.after.begun_at is not None
    begun = Attempt(change.after, None, change.after.begun_at, 100.0, Slot(0.0, 1.0), 1, 100.5)
    lived = (accepted.expires_at - change.after.begun_at) / 1000
    assert 100.0 + lived - 0.002 < begun.not_after < 100.0 + lived
    assert accepted.expires_at - 1 <= begun.store_time(100.5 + lived) <= accepted.expires_at


def self_signed(folder: Path) -> Path:
    """A certificate for localhost with its key, in one file."""
    file = folder / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(file), "-out", str(file) + ".crt"]
    command += ["-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + Path(str(file) + ".crt").read_bytes())
    return file
