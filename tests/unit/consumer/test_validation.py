"""Which parts of a task message reach Celery: task, id and arguments, whoever published it and whatever else it holds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.broker.task_message import NAMES, ORIGIN, SEND, TaskMessage, protocol_headers
from smsrelay_worker.consumer.validation import allowed_body, allowed_headers, why_invalid

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=3),
    max_leaves=6,
)
CELERYS_OWN = [
    "celery.starmap",
    "celery.map",
    "celery.chunks",
    "celery.group",
    "celery.chain",
    "celery.chord",
    "celery.backend_cleanup",
]


def headers(**changed: Any) -> dict[str, Any]:
    return {"lang": "go", "task": SEND, "id": "7c56094b-0000-4000-8000-000000000000"} | changed


@pytest.mark.parametrize("name", [*CELERYS_OWN, "sms.unheard_of", "SMS.SEND", " sms.send"])
def test_a_task_with_a_name_that_is_not_ours_is_invalid(name: str) -> None:
    assert why_invalid(headers(task=name), [[], {}, {}]) == "unknown task name"
    assert why_invalid({}, {"task": name, "id": "1", "args": [], "kwargs": {}}) == "unknown task name"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_task_of_ours_is_valid(name: str) -> None:
    assert why_invalid(headers(task=name), [[], {}, {}]) is None


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=6), st.text(st.characters(), min_size=1))
def test_celery_sees_the_allowed_headers_only(said: dict[str, Any], task_id: str) -> None:
    seen = allowed_headers(said | {"task": SEND, "id": task_id, "stamped_headers": 5, "eta": "soon", "timelimit": 7})
    assert seen == protocol_headers(SEND, seen["id"], args="(not shown)", kwargs="(not shown)", origin="foreign")
    json.dumps(seen).encode("ascii")
    seen["id"].encode("ascii")


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=6), JSON)
def test_a_message_that_claims_to_be_ours_gets_no_other_header_through(said: dict[str, Any], shown: Any) -> None:
    seen = allowed_headers(said | {"task": SEND, "id": "\ud800", "origin": ORIGIN, "kwargsrepr": shown})
    assert set(seen) == set(protocol_headers(SEND, "1", args="", kwargs="", origin=""))
    assert seen["kwargsrepr"] in {shown, "(not shown)"} if isinstance(shown, str) else seen["kwargsrepr"] == "(not shown)"
    seen["kwargsrepr"].encode("utf-8")


def test_headers_of_our_own_publisher_are_unchanged() -> None:
    ours = TaskMessage(SEND, "sms.otp", {}, "otp 7c56094b")
    assert allowed_headers(ours.headers) == ours.headers


def test_an_id_that_is_no_uuid_is_replaced_by_the_same_uuid_each_time() -> None:
    first, again, other = (allowed_headers(headers(id=one))["id"] for one in ("\ud83d", "\ud83d", "\ud83e"))
    assert first == again != other


@pytest.mark.parametrize("embed", [None, {}, {"callbacks": [{"task": "celery.map"}], "chord": {"task": "x"}}])
def test_tasks_to_call_after_a_task_are_dropped(embed: Any) -> None:
    assert allowed_body([["a"], {"b": 1}, embed]) == ([["a"], {"b": 1}], {}, {})


@pytest.mark.parametrize("args", [None, [], {}], ids=str)
@pytest.mark.parametrize("kwargs", [None, [], {}], ids=str)
@pytest.mark.parametrize("embed", [None, [], {}], ids=str)
def test_nothing_is_nothing_in_any_languages_spelling(args: Any, kwargs: Any, embed: Any) -> None:
    for said, payload in ((headers(), [args, kwargs, embed]), ({}, headers(args=args, kwargs=kwargs))):
        assert why_invalid(said, payload) is None
        assert allowed_body(payload) == ([[], {}], {}, {})


@pytest.mark.parametrize(
    "body",
    [[{"0": "job"}, {}, {}], [[], ["job"], {}], [[], {}, ["x"]], ["job", {}, {}], [[], "", {}], [[], 0, {}], [False, {}, {}]],
)
def test_what_is_of_another_shape_and_not_empty_is_invalid(body: Any) -> None:
    assert why_invalid(headers(), body) is not None
