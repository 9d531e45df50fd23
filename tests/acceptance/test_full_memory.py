"""Redis at maxmemory, again and again, while workers take jobs of apps without our library: each is sent, and once.

Such a job is in the queue alone until a worker has recorded it. On a relay of its own.
"""

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Connection

from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from tests.support.processes import children_of, pids
from tests.support.refusals import full
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient, running_relay
from tests.support.waiting import eventually

APP = "foreign"
ROUNDS = 8
JOBS = 40  # a round
_SHORT = 0.3  # seconds at the limit, and then below it
_BACK = 120.0


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("full") / "relay", together=False) as running:
        running.wait_state(running.send(a_recipient()), State.DELIVERED)
        yield running


def test_foreign_jobs_that_meet_a_full_memory_are_sent_once_each(relay: RelayProcess) -> None:
    url = relay.environment["SMSRELAY_BROKER_URL"]
    [parent] = pids(relay.data, "[smsrelay worker]")
    workers, jobs = children_of(parent), []
    with Connection(url) as broker, broker.Producer(serializer="json") as producer:
        for _ in range(ROUNDS):
            some = [_job() for _ in range(JOBS)]
            for job in some:
                _publish(producer, job)
            jobs += some
            with full(url):
                _for(_SHORT)
            _for(_SHORT)
    for job in jobs:
        message_id = referenced_id(APP, job["reference"])
        eventually(lambda message_id=message_id: relay.relay.records.read(message_id), "the job is recorded", _BACK)
        relay.wait_state(message_id, State.DELIVERED, _BACK)
    assert set(
        Counter(submit.recipient for submit in relay.simulator.submits() if submit.recipient in _numbers(jobs)).values()
    ) == {1}
    assert children_of(parent) == workers, "a worker process ended"
    eventually(lambda: not relay.redis.exists("unacked", "unacked_index"), "nothing is left in hand", _BACK)


def _for(seconds: float) -> None:
    over = time.monotonic() + seconds
    eventually(lambda: time.monotonic() > over)


def _numbers(jobs: list[dict[str, Any]]) -> set[str]:
    return {job["to"] for job in jobs}


def _job() -> dict[str, Any]:
    job = {"to": a_recipient(), "template": TEMPLATE, "params": [a_code()], "lane": "notice", "app": APP}
    return {"v": 1, "reference": uuid.uuid4().hex} | job


def _publish(producer: Any, job: dict[str, Any]) -> None:
    task_id = str(uuid.uuid4())
    headers = {"lang": "go", "task": "sms.send", "id": task_id}
    producer.publish([[job], {}, {}], routing_key="sms.notice", headers=headers, correlation_id=task_id)
