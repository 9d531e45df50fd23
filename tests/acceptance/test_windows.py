"""One test for each window in which a task could be lost or doubled: a process is stopped exactly there. On a relay of their own.

How long a lost task stays lost is told by the timeline's instants and printed; both are of the store's clock.
"""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import STATUS_QUEUE, Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay_worker.store.counts import Counts
from tests.support.guide_report import guide_report
from tests.support.processes import PARENT, pids
from tests.support.relay_process import ROOT, TEMPLATE, RelayProcess, a_code, a_recipient, running_relay
from tests.support.second_worker import BACK, FIRST, PROCESSES, SECOND, frozen, kill, second_worker, starts_of
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

_BOUND = 60.0  # seconds: 15 are promised; half of the broker's visibility timeout, which nothing may wait for, shows as much
_WAVE = 100  # singles

# An app that dies between record and publish, by its own hand, so that it dies nowhere else.
_DYING_APP = """
import os, signal, sys
from smsrelay.enqueue import Enqueuer
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.settings import ProducerSettings

job = SendJob(to=sys.argv[1], template=sys.argv[2], params=("1234",), lane=Lane.OTP)
recorded = Enqueuer.connect(ProducerSettings()).record(job)
print(recorded.message.message_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("windows") / "relay", settings={"SMSRELAY_RATE": "50"}, together=False) as running:
        eventually(lambda: starts_of(running, "worker") == PROCESSES, "the worker is ready", BACK)
        yield running


def test_what_an_app_recorded_and_died_before_publishing_is_begun(relay: RelayProcess) -> None:
    to = a_recipient()
    app = subprocess.run(
        [sys.executable, "-c", _DYING_APP, to, TEMPLATE],
        env=dict(relay.environment),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BACK,
        check=False,
    )
    assert app.returncode == -signal.SIGKILL, app.stderr
    record = relay.wait_state(app.stdout.strip(), State.DELIVERED, BACK)
    _within_the_bound("record without publish", _begun(record) - record.created_at)
    assert len(relay.simulator.submits(to)) == 1


def test_a_task_that_a_pop_lost_is_begun_once(relay: RelayProcess) -> None:
    to = a_recipient()
    with frozen(relay, FIRST):
        message_id = relay.send(to)
        lost_at = _lose(relay, Lane.OTP.queue)
    record = relay.wait_state(message_id, State.DELIVERED, BACK)
    _within_the_bound("task lost by a pop", _begun(record) - lost_at)
    assert len(relay.simulator.submits(to)) == 1


def test_a_report_whose_task_was_lost_after_its_200_is_applied(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": ["never"]})
    relay.wait_state(message_id, State.SUBMITTED, BACK)
    with frozen(relay, FIRST):
        assert relay.report(to, guide_report(200)) == 200
        lost_at = _lose(relay, STATUS_QUEUE)
    record = relay.wait_state(message_id, State.DELIVERED, BACK)
    _within_the_bound("report's task lost", record.timeline[-1].at - lost_at)
    eventually(lambda: relay.redis.hlen(KEYS.reports) == 0, "the report is let go of")


def test_wake_ups_that_a_killed_worker_had_claimed_are_begun_once_by_another(relay: RelayProcess) -> None:
    jobs = [_job(Lane.NOTICE) for _ in range(20)]
    with second_worker(relay) as second, frozen(relay, FIRST, SECOND):
        ids = [one.message_id for one in relay.relay.enqueuer.enqueue_all(jobs)]
        relay.relay.limiter.throttle(6)  # as after a throttled answer, so that what is claimed waits for a slot
        for pid in pids(relay.data, SECOND):
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: Counts(relay.redis).waiting(Lane.NOTICE) == 0, "the second worker claimed them", BACK)
        kill(relay, second)
        killed_at = _now(relay)
        assert {relay.record(one).state for one in ids} == {State.QUEUED}
    records = [relay.wait_state(one, State.DELIVERED, BACK) for one in ids]
    _within_the_bound("claimed by a killed worker", max(map(_begun, records)) - killed_at)
    assert _submits(relay, jobs) == Counter(job.to for job in jobs)


def test_a_rolling_restart_under_load_submits_everything_once(relay: RelayProcess) -> None:
    jobs = [_job(list(Lane)[number % 3]) for number in range(3 * _WAVE)]
    with second_worker(relay) as second:
        starts = starts_of(relay, "worker")
        ids = _enqueued(relay, jobs[:_WAVE])
        [parent] = pids(relay.data, PARENT, FIRST)
        os.kill(parent, signal.SIGTERM)
        ids += _enqueued(relay, jobs[_WAVE : 2 * _WAVE])
        eventually(lambda: starts_of(relay, "worker") == starts + PROCESSES, "the first worker is back", BACK)
        ids += _enqueued(relay, jobs[2 * _WAVE :])
        second.terminate()
        assert second.wait(BACK) == 0
    records = [relay.wait_final(one, BACK) for one in ids]
    assert Counter((record.state, record.attempt) for record in records) == {(State.DELIVERED, 1): 3 * _WAVE}
    assert _submits(relay, jobs) == Counter(job.to for job in jobs)


def _job(lane: Lane) -> SendJob:
    return SendJob(to=a_recipient(), template=TEMPLATE, params=(a_code(),), lane=lane)


def _enqueued(relay: RelayProcess, jobs: Sequence[SendJob]) -> list[str]:
    return [relay.relay.enqueuer.enqueue(job).message_id for job in jobs]


def _lose(relay: RelayProcess, queue: str) -> int:
    """Take the one task of a queue away; the instant (ms)."""
    assert relay.redis.llen(queue) == 1
    relay.redis.delete(queue)
    return _now(relay)


def _now(relay: RelayProcess) -> int:
    seconds, micros = relay.redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


def _begun(record: Record) -> int:
    [begun] = [line.at for line in record.timeline if line.rule == "begun"]
    return begun


def _submits(relay: RelayProcess, jobs: Sequence[SendJob]) -> Counter[str]:
    ours = {job.to for job in jobs}
    return Counter(submit.recipient for submit in relay.simulator.submits() if submit.recipient in ours)


def _within_the_bound(what: str, milliseconds: int) -> None:
    print(f"{what}: made good after {milliseconds / 1000:.1f} s")
    assert milliseconds <= _BOUND * 1000, what
