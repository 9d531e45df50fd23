"""Each window of loss or doubling that lies between two commands: a process is killed while exactly one of them is stopped.

A second worker, or a receiver, reaches Redis through a ``sluice`` and is killed there, while the relay's own worker stands still;
that one then goes on. All windows are struck first and judged afterwards, so that their leases and graces run side by side.
"""

import contextlib
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator

import pytest
import requests
from kombu import Connection

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.contract.state import State
from smsrelay.store.outbox import PRELUDES
from smsrelay_worker.local.stack import free_port
from tests.support.arrivals import each_arrived_once
from tests.support.guide_report import guide_report
from tests.support.relay_process import ROOT, TEMPLATE, RelayProcess, a_code, a_recipient, running_relay
from tests.support.second_worker import BACK, FIRST, frozen, kill, second_worker_started, starts_of
from tests.support.sluice import Gate, Sluice, script, sluice
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

_UNACKED = "unacked_index"
_STORE = script("smsrelay.store", "apply.lua", PRELUDES)
_APPLIED = b"*3\r\n"  # what it answers; not that it is unknown, as at its first use

Judge = Callable[[], None]
Strike = Callable[[RelayProcess], Judge]


def popped_before_take(relay: RelayProcess) -> Judge:
    """A task was popped and is noted nowhere."""
    to = a_recipient()
    with frozen(relay, FIRST):
        message_id, noted = relay.send(to), _noted(relay)
        with _killed_at(relay, Gate((script("smsrelay_worker.consumer", "take.lua"),))):
            assert not _queued(relay, Lane.OTP.queue, message_id)
            assert _noted(relay) == noted
    return lambda: each_arrived_once(relay, {message_id: to}, BACK)


def taken_before_claim(relay: RelayProcess) -> Judge:
    """A task is noted as unacknowledged; nothing says who has its message in hand."""
    to = a_recipient()
    with frozen(relay, FIRST):
        message_id = relay.send(to)
        with _killed_at(relay, Gate((script("smsrelay.store", "claim.lua", ["halts.lua"]), message_id.encode()))):
            assert relay.redis.zscore(KEYS.outbox(Lane.OTP), message_id) is not None
    return lambda: each_arrived_once(relay, {message_id: to}, BACK)


def begun_before_submit(relay: RelayProcess) -> Judge:
    """An attempt is written down, and its worker never heard so."""
    to = a_recipient()
    with frozen(relay, FIRST):
        message_id = relay.send(to)
        with _killed_at(relay, Gate((_STORE, message_id.encode(), b'"submitting"'), _APPLIED)):
            assert relay.record(message_id).state is State.SUBMITTING
    assert not relay.simulator.submits(to)
    return lambda: each_arrived_once(relay, {message_id: to}, BACK)


def answered_before_ack(relay: RelayProcess) -> Judge:
    """The vendor's answer is recorded, and the task comes again."""
    with frozen(relay, FIRST):
        (to, message_id), noted = relay.scripted({"submits": ["never"]}), _noted(relay)
        with _killed_at(relay, Gate((_STORE, message_id.encode(), b'"submitted"'), _APPLIED)):
            assert relay.record(message_id).state is State.SUBMITTED
            again = _redelivered(relay, noted)

    def judge() -> None:
        eventually(lambda: not again & _noted(relay), "the task came again and was acknowledged", BACK)
        assert relay.report(to, guide_report(200)) == 200
        each_arrived_once(relay, {message_id: to}, BACK)

    return judge


def retry_queued_before_publish(relay: RelayProcess) -> Judge:
    """The agenda queued a retry, and no task says so."""
    with frozen(relay, FIRST):
        to, message_id = relay.scripted({"submits": ["503", "200"]})
        with _killed_at(relay, Gate((_STORE, message_id.encode(), b'"queued"'), _APPLIED)):
            assert (relay.record(message_id).state, relay.record(message_id).attempt) == (State.QUEUED, 1)
            assert not _queued(relay, Lane.OTP.queue, message_id)
    return lambda: each_arrived_once(relay, {message_id: to}, BACK, attempts=2)


def found_before_publish(relay: RelayProcess) -> Judge:
    """What was lost was found and has a new place; its task was not published again."""
    to = a_recipient()
    with frozen(relay, FIRST):
        message_id = relay.send(to)
        first = relay.redis.zscore(KEYS.outbox(Lane.OTP), message_id)
        relay.redis.delete(Lane.OTP.queue)
        with _killed_at(
            relay, Gate((script("smsrelay_worker.store", "lost.lua"), KEYS.outbox(Lane.OTP).encode()), message_id.encode())
        ):
            assert relay.redis.zscore(KEYS.outbox(Lane.OTP), message_id) > first
            assert not _queued(relay, Lane.OTP.queue, message_id)
    return lambda: each_arrived_once(relay, {message_id: to}, BACK)


def applied_before_let_go(relay: RelayProcess) -> Judge:
    """A report did its work, and still stands in the inbox."""
    to, message_id = relay.scripted({"submits": ["never"]})
    relay.wait_state(message_id, State.SUBMITTED, BACK)
    with frozen(relay, FIRST):
        assert relay.report(to, guide_report(200)) == 200
        with _killed_at(relay, Gate((script("smsrelay.store", "inbox_remove.lua"), message_id.encode()))):
            assert relay.record(message_id).state is State.DELIVERED
            assert _in_the_inbox(relay, message_id)

    def judge() -> None:
        eventually(lambda: not _in_the_inbox(relay, message_id), "the report is let go of", BACK)
        each_arrived_once(relay, {message_id: to}, BACK)
        assert [line.code for line in relay.record(message_id).timeline].count("200") == 1

    return judge


def refused_before_ack(relay: RelayProcess) -> Judge:
    """A foreign job was refused and kept, and its task comes again."""
    landline = f"+8602{a_recipient()[-8:]}"
    with frozen(relay, FIRST):
        _publish_foreign(relay, landline)
        noted = _noted(relay)
        keeps = script("smsrelay_worker.store", "undecodable.lua")
        with _killed_at(relay, Gate((keeps, KEYS.undecodable.encode(), landline.encode()), b":1")):
            assert _kept(relay, landline) == 1
            again = _redelivered(relay, noted)

    def judge() -> None:
        eventually(lambda: not again & _noted(relay), "the task came again and was acknowledged", BACK)
        assert _kept(relay, landline) == 1

    return judge


def recorded_before_publish(relay: RelayProcess) -> Judge:
    """A receiver with a broker of its own recorded a report, and no task says so."""
    to, message_id = relay.scripted({"submits": ["never"]})
    relay.wait_state(message_id, State.SUBMITTED, BACK)
    with (
        frozen(relay, FIRST),
        _sluice(relay, Gate((b"LPUSH", b"sms.status"))) as gated,
        _receiver(relay, gated) as (process, url),
    ):
        path = CallbackToken(message_id, 1).path(relay.callback_keys)
        report = threading.Thread(target=_call_back, args=(url + path,))
        report.start()
        assert gated.stopped.wait(BACK)
        process.kill()
        report.join()
        assert _in_the_inbox(relay, message_id)
        assert not _queued(relay, STATUS_QUEUE, message_id)

    def judge() -> None:
        eventually(lambda: not _in_the_inbox(relay, message_id), "the report is let go of", BACK)
        each_arrived_once(relay, {message_id: to}, BACK)

    return judge


_STRIKES: dict[str, Strike] = {
    strike.__name__: strike
    for strike in (
        begun_before_submit,  # its lease is the longest wait of all
        popped_before_take,
        taken_before_claim,
        answered_before_ack,
        retry_queued_before_publish,
        applied_before_let_go,
        refused_before_ack,
        recorded_before_publish,
        found_before_publish,
    )
}


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    settings = {"SMSRELAY_RATE": "50", "SMSRELAY_READ_TIMEOUT": "1"}
    with running_relay(tmp_path_factory.mktemp("exact") / "relay", settings=settings) as running:
        eventually(lambda: starts_of(running, "worker"), "the worker is ready", BACK)
        yield running


@pytest.fixture(scope="module")
def judges(relay: RelayProcess) -> dict[str, Judge]:
    """What is to be said of each window, once it was struck."""
    return {name: strike(relay) for name, strike in _STRIKES.items()}


@pytest.mark.parametrize("window", _STRIKES)
def test_a_kill_between_two_commands_loses_and_doubles_nothing(judges: dict[str, Judge], window: str) -> None:
    judges[window]()


@contextlib.contextmanager
def _killed_at(relay: RelayProcess, gate: Gate) -> Iterator[None]:
    """A second worker that works until the gate falls, and is killed there; the context sees what it left behind."""
    with _sluice(relay, gate) as gated:
        url = _through(relay, gated)
        settings = {"SMSRELAY_BROKER_URL": url, "SMSRELAY_STORE_URL": url}
        with second_worker_started(relay, "--together", settings=settings) as second:
            assert gated.stopped.wait(BACK), "the second worker never came to the gate"
            kill(relay, second)
            yield


@contextlib.contextmanager
def _sluice(relay: RelayProcess, gate: Gate) -> Iterator[Sluice]:
    port = int(relay.environment["SMSRELAY_STORE_URL"].rsplit(":", 1)[1].partition("/")[0])
    with sluice(port, gate) as gated:
        yield gated


def _through(relay: RelayProcess, gated: Sluice) -> str:
    before, _, after = relay.environment["SMSRELAY_STORE_URL"].rpartition(":")
    return f"{before}:{gated.port}/{after.partition('/')[2]}"


def _queued(relay: RelayProcess, queue: str, message_id: str) -> bool:
    """Whether a task of the message waits; those of other windows may, for their time has come."""
    return any(message_id in item for item in relay.redis.lrange(queue, 0, -1))


def _noted(relay: RelayProcess) -> set[str]:
    """Tags of what is unacknowledged."""
    return {str(tag) for tag in relay.redis.zrange(_UNACKED, 0, -1)}


def _redelivered(relay: RelayProcess, before: set[str]) -> set[str]:
    """Have the broker deliver again what was noted since, as once the visibility timeout is over; the tags."""
    tags = _noted(relay) - before
    assert tags
    relay.redis.zadd(_UNACKED, dict.fromkeys(tags, 1))
    return tags


def _in_the_inbox(relay: RelayProcess, message_id: str) -> bool:
    return any(key.startswith(f"{message_id}|") for key in relay.redis.hkeys(KEYS.reports))


def _kept(relay: RelayProcess, words: str) -> int:
    return sum(words in line for line in relay.redis.lrange(KEYS.undecodable, 0, -1))


def _publish_foreign(relay: RelayProcess, to: str) -> None:
    task_id = str(uuid.uuid4())
    headers = {"lang": "go", "task": "sms.send", "id": task_id}
    job = {"v": 1, "to": to, "template": TEMPLATE, "params": [a_code()], "lane": "otp"}
    with Connection(relay.environment["SMSRELAY_BROKER_URL"]) as broker, broker.Producer(serializer="json") as producer:
        producer.publish([[job], {}, {}], routing_key=Lane.OTP.queue, headers=headers, correlation_id=task_id)


@contextlib.contextmanager
def _receiver(relay: RelayProcess, gated: Sluice) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A receiver with the sluice as its broker and a spool of its own, ready; and its base URL."""
    port = free_port()
    more = {"SMSRELAY_BROKER_URL": _through(relay, gated), "SMSRELAY_SPOOL": str(relay.data / "spool2")}
    command = [sys.executable, "-m", "smsrelay_worker", "receiver", "--port", str(port)]
    with (relay.data / "receiver2.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**relay.environment, **more}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(url + "/healthz"), "the receiver is up", BACK)
        yield process, url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(url, timeout=1).ok
    return False


def _call_back(url: str) -> None:
    with contextlib.suppress(requests.RequestException):  # its receiver is killed before it answers
        requests.post(url, json={"status": {"code": 200}}, timeout=BACK)
