"""A worker told to stop with its hands full gives back what it has not begun, and others finish it. On a relay of their own."""

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.arrivals import each_arrived_once
from tests.support.processes import PARENT, pids
from tests.support.queues import published_ids
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient, running_relay
from tests.support.waiting import eventually

BACK = 120.0  # seconds until everything has ended well
BULK = 300  # six tasks, far more than are submitted before the worker is told to stop
RATE = 20


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    settings = {"SMSRELAY_RATE": str(RATE), "SMSRELAY_CONCURRENCY": "8"}
    with running_relay(tmp_path_factory.mktemp("stop") / "relay", settings=settings, together=False) as running:
        yield running


@pytest.mark.parametrize("lane", [Lane.NOTICE, Lane.MARKETING])
def test_a_worker_told_to_stop_gives_back_what_it_has_not_begun_and_each_is_submitted_once(
    relay: RelayProcess, lane: Lane
) -> None:
    jobs = [SendJob(to=a_recipient(), template=TEMPLATE, params=[a_code()], lane=lane) for _ in range(BULK)]
    ids = [one.message_id for one in relay.relay.enqueuer.enqueue_all(jobs)]
    numbers = {job.to for job in jobs}
    eventually(lambda: sum(one.recipient in numbers for one in relay.simulator.submits()) >= RATE, "it is under way", BACK)
    with _supervisor_asleep(relay):
        [parent] = pids(relay.data, PARENT)
        os.kill(parent, signal.SIGTERM)
        eventually(lambda: not pids(relay.data, "--name worker"), "all of its processes have ended", BACK)
        assert not relay.redis.exists("unacked", "unacked_index"), "something is still noted as in its hands"
        left = [one for one in ids if relay.record(one).state is State.QUEUED]
        assert len(left) > BULK / 2
        assert set(left) <= set(published_ids(relay.redis, lane)), "what is left lies on the queue"
        assert State.SUBMITTING not in {relay.record(one).state for one in ids}, "an attempt was cut short"
    for message_id in ids:
        assert relay.wait_final(message_id, BACK).state is State.DELIVERED
    each_arrived_once(relay, {one: job.to for one, job in zip(ids, jobs, strict=True)}, BACK)
    eventually(lambda: not relay.redis.exists(lane.queue, "unacked", "unacked_index"), "nothing is left of the tasks", BACK)


@contextlib.contextmanager
def _supervisor_asleep(relay: RelayProcess) -> Iterator[None]:
    """So that nobody starts the worker again before a test has looked at what it left."""
    [supervisor] = pids(relay.data, "supervisord")
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)
