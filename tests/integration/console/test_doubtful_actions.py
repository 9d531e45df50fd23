"""What the console says, and the action log keeps, of forms that come twice and of actions that may or may not have been done."""

import re
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.store.actions.action_log import ActionLog
from smsrelay_worker.vendors.base import Answer, Kind
from tests.integration.console.conftest import environment
from tests.support.console_process import Visitor, running_console
from tests.support.messages import answer, begin, job


def refused(store: Records, message_id: str, attempt: int) -> None:
    begin(store, message_id)
    answer(store, message_id, attempt, Answer(Kind.ANSWERED, "i005"))


def state(store: Records, message_id: str) -> State:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record.state


@pytest.fixture
def failed(store: Records, door: Enqueuer) -> str:
    """A message whose first attempt was refused."""
    message_id = door.enqueue(job(Lane.NOTICE)).message_id
    refused(store, message_id, 1)
    return message_id


def test_a_form_that_comes_twice_replays_nothing_that_failed_again_meanwhile(
    operator: Visitor, store: Records, failed: str
) -> None:
    page = operator.post("/dead/dry-run", {"id": [failed]}).text
    form = {name: re.findall(rf'name="{name}" value="([^"]+)"', page) for name in ("id", "attempt")}
    assert "1 of 1 replayed" in operator.post("/dead/replay", form).text
    refused(store, failed, 2)
    again = operator.post("/dead/replay", form).text
    assert "0 of 1 replayed" in again
    assert "attempted again meanwhile" in again
    assert state(store, failed) is State.FAILED
    assert operator.post("/dead/replay", {"id": [failed]}).status_code == 400


def test_a_messages_own_button_replays_the_attempt_that_was_on_the_page(operator: Visitor, store: Records, failed: str) -> None:
    path = f"/message/{failed}"
    assert 'name="attempt" value="1"' in operator.get(path).text
    operator.post(f"{path}/replay", {"attempt": "1"})
    refused(store, failed, 2)
    assert "Not replayed" in operator.follow(operator.post(f"{path}/replay", {"attempt": "1"})).text
    assert state(store, failed) is State.FAILED
    operator.follow(operator.post(f"{path}/replay", {"attempt": "2"}))
    assert state(store, failed) is State.QUEUED


def test_several_messages_leave_an_entry_before_the_first_is_replayed(
    operator: Visitor, store: Records, redis: StoreRedis, door: Enqueuer
) -> None:
    ids = [door.enqueue(job()).message_id for _ in range(10)]
    for one in ids:
        refused(store, one, 1)
    operator.post("/dead/replay", {"id": ids, "attempt": ["1"] * 10})
    ended, begun = ActionLog(redis).read()
    assert [begun.result, ended.result] == ["begun", "10 of 10 replayed"]
    assert all(one in ended.target for one in ids)


def test_an_action_that_the_store_refuses_is_not_called_done(operator: Visitor, redis: StoreRedis, failed: str) -> None:
    redis.config_set("maxmemory", "1")
    try:
        page = operator.post("/dead/replay", {"id": [failed], "attempt": ["1"]})
    finally:
        redis.config_set("maxmemory", "0")
    assert page.status_code == 503
    assert "refuses writes" in page.text
    assert "maxmemory" in page.text
    assert "may be missing there" in page.text
    assert "does not answer" not in page.text


def test_an_action_that_may_have_been_done_leaves_an_entry_that_says_so(
    valkey_url: str, redis: StoreRedis, door: Enqueuer, failed: str, tmp_path: Path
) -> None:
    waiting = door.enqueue(job()).message_id
    unconfirmed = environment(valkey_url, SMSRELAY_STORE_REPLICAS="1", SMSRELAY_STORE_WAIT="0.1")  # no replica confirms
    with running_console(unconfirmed, tmp_path / "console.log", "--actions") as console:
        operator = console.operator()
        answers = [
            operator.post(f"/message/{waiting}/cancel"),
            operator.post(f"/message/{failed}/replay", {"attempt": "1"}),
        ]
    assert [one.status_code for one in answers] == [503, 503]
    assert all("may have been done all the same" in one.text for one in answers)
    results = [(one.what, one.result) for one in reversed(ActionLog(redis).read())]
    said = "unknown: a server did not answer"
    assert results == [("cancel", said), ("dead replay", said)]


@pytest.mark.parametrize(
    "path",
    [
        "/due?after=..+1",
        "/due?after=1e5e5+1",
        "/due?after=-+1",
        "/due?after=9999999999999999999",
        "/due?after=1+1&held=lane:otp",
        "/due?after=9999999999999999999&held=lane:otp",
        "/due?after=1+1&campaign=spring",
        "/due?after=9999999999999999999&campaign=spring",
        "/actions?before=0-0",
        "/actions?before=0-1a",
    ],
)
def test_a_place_in_a_url_that_is_none_is_the_beginning(reader: Visitor, path: str) -> None:
    assert reader.get(path).status_code == 200
