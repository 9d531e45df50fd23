"""Processes killed with SIGKILL: nothing accepted is lost, nothing is submitted twice by accident. On a relay of their own."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from tests.support.guide_report import guide_report
from tests.support.processes import TOGETHER, kill_9, processes_of
from tests.support.relay_process import RelayProcess, a_job, a_recipient, running_relay
from tests.support.waiting import eventually

_BACK = 120.0  # seconds until everything goes on after a kill
_SLOW = 8.0  # seconds of the vendor: time enough to kill whoever waits for its answer
WORKER, BROKER = TOGETHER, "valkey-server"


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    settings = {"SMSRELAY_READ_TIMEOUT": str(2 * _SLOW)}
    with running_relay(tmp_path_factory.mktemp("kills") / "relay", settings=settings) as running:
        yield running


@pytest.mark.parametrize("lane", [Lane.OTP, Lane.NOTICE])
def test_an_attempt_cut_short_by_a_killed_worker_is_not_submitted_again(killed: RelayProcess, lane: Lane) -> None:
    slow = {"delay": _SLOW, "reports": [{"code": 200, "after": 1.5 * _SLOW}]}
    to, message_id = killed.scripted({"submits": [slow]}, lane)
    eventually(lambda: killed.simulator.submits(to), "the submit is under way")
    pid = kill_9(killed.data, WORKER)
    assert killed.record(message_id).state is State.SUBMITTING
    eventually(lambda: _other_worker(killed, pid), "the supervisor restarted the worker")
    killed.relay.enqueuer.publish(lane, [message_id])  # as the broker does once the visibility timeout is over
    record = killed.wait_final(message_id, _BACK)
    assert (record.state, record.attempt) == (State.DELIVERED, 1)
    assert [line.code for line in record.timeline if line.code] == ["200"]
    killed.wait_state(killed.send(a_recipient(), lane), State.DELIVERED)
    assert len(killed.simulator.submits(to)) == 1


def test_messages_accepted_around_a_kill_of_the_broker_are_delivered_once(killed: RelayProcess) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=12)  # time enough to kill the broker before
    before = [a_job(Lane.OTP, not_before=soon) for _ in range(10)]
    ids = [one.message_id for one in killed.relay.enqueuer.enqueue_all(before)]
    _on_disk(killed.redis)
    kill_9(killed.data, BROKER)
    after = [a_job(Lane.OTP) for _ in range(10)]
    ids += [killed.accepted(job, _BACK).message_id for job in after]
    for message_id in ids:
        assert killed.wait_final(message_id, _BACK).state is State.DELIVERED
    numbers = [job.to for job in (*before, *after)]
    arrivals = Counter(submit.recipient for submit in killed.simulator.submits() if submit.recipient in numbers)
    assert arrivals == Counter(numbers)


def test_a_report_around_a_kill_of_the_broker_is_never_answered_500_and_comes_through(killed: RelayProcess) -> None:
    to, message_id = killed.scripted({"submits": ["never"]})
    killed.wait_state(message_id, State.SUBMITTED)
    _on_disk(killed.redis)
    kill_9(killed.data, BROKER)
    answers: list[int] = []

    def taken() -> bool:
        answers.append(killed.report(to, guide_report(200)))
        return answers[-1] == 200

    eventually(taken, "the receiver takes the report", _BACK)
    assert set(answers) <= {200, 503}, answers
    killed.wait_state(message_id, State.DELIVERED, _BACK)


def _on_disk(redis: "StoreRedis") -> None:
    """Wait until the store has synced what it wrote so far; a second's worth may be lost otherwise, as configured."""
    redis.set("acceptance:fence", "1")
    synced, _ = redis.waitaof(1, 0, 20_000)
    assert synced == 1


def _other_worker(relay: RelayProcess, pid: int) -> bool:
    return any(WORKER in command and other != pid for other, command in processes_of(relay.data).items())
