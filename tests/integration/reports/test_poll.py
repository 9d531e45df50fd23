from dataclasses import replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.vendors.base import Answer, Kind, Submission
from smsrelay_worker.vendors.yisha.adapter import Yisha, YishaAccount
from smsrelay_worker.vendors.yisha.credentials import AppCode
from smsrelay_worker.vendors.yisha.http import open_session
from tests.support.messages import POLICY, RETENTION, answer, begin, enqueuer, job, reconciler
from tests.support.scripted_vendor import answer as http_answer
from tests.support.scripted_vendor import scripted_vendor
from tests.support.simulator_client import Simulator
from tests.support.simulator_process import running_simulator

ASKING = replace(POLICY, pull_after=0.5)


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    with running_simulator(report_delay=0.01) as running:
        yield running


def silent_submit(store: Records, redis: StoreRedis, url: str, simulator: Simulator, script: str) -> str:
    """A message that the vendor took, and whose report has nowhere to go."""
    message_id = enqueuer(redis, url).enqueue(job(Lane.NOTICE)).message_id
    begin(store, message_id)
    vendor = Yisha(YishaAccount(simulator.url, simulator.url, AppCode("simulator")), open_session(1))
    simulator.script("+8613800138000", {"submits": [script]})
    submission = Submission(message_id, 1, Lane.NOTICE, "+8613800138000", "0000000", ("1234",), "http://127.0.0.1:9/gone")
    answer(store, message_id, 1, vendor.submit(submission))
    return message_id


@pytest.mark.parametrize(("script", "state"), [("200", State.DELIVERED), ("504", State.FAILED), ("503", State.RETRYING)])
def test_what_the_vendor_knows_settles_a_silent_submit(
    redis: StoreRedis, valkey_url: str, simulator: Simulator, script: str, state: State
) -> None:
    store = Records(redis, RETENTION)
    message_id = silent_submit(store, redis, valkey_url, simulator, script)
    asking = reconciler(redis, valkey_url, simulator.url, ASKING)
    while "asked" in (said := asking.ask(message_id).text) or "noted" in said:
        pass
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is state


def test_a_vendor_that_does_not_answer_changes_nothing(redis: StoreRedis, valkey_url: str, simulator: Simulator) -> None:
    store = Records(redis, RETENTION)
    message_id = silent_submit(store, redis, valkey_url, simulator, "never")
    assert reconciler(redis, valkey_url, policy=ASKING).ask(message_id).text == "asked; no answer"
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.state is State.SUBMITTED


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"code":"0000","msg":"ok","data":{"status":{"code":"504"}}}', "504"),
        (b'{"code":"0000","data":[{"code":203},{"code":"504"}]}', "504"),
        (b'{"code":"0000","msg":"ok","data":{"result":"?"}}', ""),
    ],
)
def test_of_an_answer_the_status_inside_counts_and_never_the_answers_own_code(
    redis: StoreRedis, valkey_url: str, simulator: Simulator, body: bytes, code: str
) -> None:
    store = Records(redis, RETENTION)
    message_id = silent_submit(store, redis, valkey_url, simulator, "never")
    with scripted_vendor() as vendor:
        vendor.reaction = http_answer(body)
        reconciler(redis, valkey_url, vendor.url, ASKING).ask(message_id)
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.timeline[-1].code == (code or "0000")
    assert reading.record.state is (State.FAILED if code else State.SUBMITTED)


def test_a_settled_message_is_not_asked_about(redis: StoreRedis, valkey_url: str) -> None:
    store = Records(redis, RETENTION)
    message_id = enqueuer(redis, valkey_url).enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    assert reconciler(redis, valkey_url, policy=ASKING).ask(message_id).text == "nothing to ask"
