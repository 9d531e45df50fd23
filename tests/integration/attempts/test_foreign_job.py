"""The task of a whole job, from an app without our library: what becomes of it when it cannot be recorded."""

import json

import pytest
from celery.exceptions import Reject
from structlog.testing import capture_logs

from smsrelay.store.connection import StoreRedis
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.operations.unreadable_replay import UnreadableReplay
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.tasks import TaskCall, Tasks
from smsrelay_worker.wiring import Relay
from tests.support.messages import job
from tests.support.refusals import full
from tests.support.store_keys import KEYS

TASK_ID = "5e1f2f0e-8b1c-4d0e-9b7a-0a1b2c3d4e5f"
WIRE = job().model_dump(mode="json")


@pytest.fixture
def relay(valkey_url: str) -> Relay:
    return Relay.wire(
        WorkerSettings(
            _env_file=None,
            broker_url=valkey_url,
            store_url=valkey_url,
            number_keys="n" * 16,
            callback_keys="c" * 16,
            appcode="a",
            callback_url=None,
        )
    )


def test_a_job_that_brings_out_a_fault_of_ours_is_kept(relay: Relay, redis: StoreRedis) -> None:
    """Celery would acknowledge the task, and the task alone has the job."""
    relay.enqueuer.record(job())  # so that the server knows the script
    redis.set(KEYS.place, "no number")  # found when the script has written already
    with capture_logs() as told:
        said = Tasks(relay).send(TaskCall((WIRE,), {}, TASK_ID))
    assert said == "refused: unexpected exception (ResponseError)"
    [kept] = relay.undecodable.all()
    assert json.loads(kept.body)["to"] == WIRE["to"]
    assert {line["task_id"] for line in told if "task_id" in line} == {TASK_ID}
    redis.delete(KEYS.place)
    again = UnreadableReplay(relay.undecodable, UnreadableCallbacks(redis), relay.enqueuer, relay.inbox, {}, lambda: 0)
    assert again.replay(kept, dry_run=False).startswith("queued as ")


def test_a_job_goes_back_to_its_queue_while_redis_refuses(relay: Relay, valkey_url: str) -> None:
    waited: list[float] = []
    with full(valkey_url), pytest.raises(Reject, match="OOM") as raised:
        Tasks(relay, sleep=waited.append).send(TaskCall((WIRE,), {}, TASK_ID))
    assert raised.value.requeue
    assert waited == [1.0]
    assert relay.undecodable.all() == []


@pytest.mark.parametrize("arguments", [((), {}), ((WIRE, WIRE), {}), ((WIRE | {"to": "12"},), {})])
def test_a_refused_job_leaves_a_line_that_names_it_by_its_task(
    relay: Relay, arguments: tuple[tuple[object, ...], dict[str, object]]
) -> None:
    args, kwargs = arguments
    with capture_logs() as told:
        said = Tasks(relay).send(TaskCall(args, kwargs, TASK_ID))
    [kept] = relay.undecodable.all()
    [line] = told
    assert said == f"refused: {kept.reason}"
    assert (line["queue"], line["task_id"], line["kept_id"]) == ("sms.send", TASK_ID, kept.kept_id)
    assert line["reason"] == kept.reason
    assert WIRE["to"] not in str(line)
