"""Task messages: Celery protocol 2 by hand."""

import json
import uuid
from dataclasses import replace

from smsrelay.broker.task_message import ATTEMPT, ORIGIN, TaskMessage
from smsrelay.contract.lanes import Lane

TASK = TaskMessage(name=ATTEMPT, queue=Lane.OTP.queue, kwargs={"ids": ["a", "b"]}, shown="otp a and 1 more", task_id="t-1")


def test_the_headers_name_task_and_id_as_protocol_2_does() -> None:
    headers = TASK.headers
    assert (headers["lang"], headers["task"], headers["id"], headers["root_id"]) == ("py", "sms.attempt", "t-1", "t-1")
    assert headers["timelimit"] == [None, None]
    assert headers["retries"] == 0


def test_nothing_of_celery_delays_or_expires_a_task() -> None:
    assert TASK.headers["eta"] is None
    assert TASK.headers["expires"] is None


def test_no_result_is_asked_for() -> None:
    assert TASK.headers["ignore_result"] is True


def test_what_flower_shows_is_what_we_wrote() -> None:
    assert (TASK.headers["argsrepr"], TASK.headers["kwargsrepr"], TASK.headers["origin"]) == ("()", "otp a and 1 more", ORIGIN)


def test_the_body_is_arguments_keywords_and_no_callbacks() -> None:
    assert json.loads(TASK.body) == [[], {"ids": ["a", "b"]}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


def test_keywords_that_are_json_already_stay_as_they_are() -> None:
    assert json.loads(replace(TASK, kwargs='{"ids": ["a", "b"]}').body) == json.loads(TASK.body)


def test_headers_are_plain_json() -> None:
    assert json.loads(json.dumps(TASK.headers)) == TASK.headers


def test_every_task_has_an_id_of_its_own() -> None:
    ids = {TaskMessage(name=ATTEMPT, queue="q", kwargs={}, shown="").task_id for _ in range(100)}
    assert len(ids) == 100
    assert all(uuid.UUID(task_id).version == 4 for task_id in ids)
