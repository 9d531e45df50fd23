"""What the API says of messages that exist, and the two things it changes: a cancellation and feedback."""

from typing import Any

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.store.code_counts import CodeCounts
from tests.support.api_process import Api, a_job, a_key
from tests.support.messages import begin

PATH = "/v1/messages"
REFERENCE = "login 4711/ü"


@pytest.fixture
def message(api: Api, key: str) -> dict[str, Any]:
    return dict(api.post(PATH, key, a_job(reference=REFERENCE, tags={"order": "17"})).json())


def test_a_message_is_shown_by_its_id_and_by_its_reference(api: Api, key: str, message: dict[str, Any]) -> None:
    by_id = api.get(f"{PATH}/{message['id']}", key)
    by_reference = api.get(f"{PATH}?reference=login+4711%2F%C3%BC", key)
    assert by_id.status_code == 200
    assert by_id.content == by_reference.content
    shown = by_id.json()
    assert shown.items() >= message.items()
    assert (shown["state"], shown["code"], shown["attempts"], shown["revision"]) == ("queued", "", 0, 1)
    assert (shown["tags"], shown["used_at"]) == ({"order": "17"}, None)
    assert shown["created_at"] < shown["expires_at"]


def test_another_apps_message_is_not_found(api: Api, redis: StoreRedis, message: dict[str, Any]) -> None:
    other, place = a_key(redis, "bank"), f"{PATH}/{message['id']}"
    answers = [
        api.get(place, other),
        api.get(f"{place}/timeline", other),
        api.delete(place, other),
        api.post(f"{place}/feedback", other, {"used": True}),
        api.get(f"{PATH}?reference=login+4711%2F%C3%BC", other),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 5


@pytest.mark.parametrize("name", ["018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", "x", "%00", "..", "13912345678", "a" * 3000])
def test_what_is_no_message_is_not_found(api: Api, key: str, name: str) -> None:
    assert api.get(f"{PATH}/{name}", key).status_code == 404


@pytest.mark.parametrize("query", ["", "?reference=", "?reference=a&reference=b", "?reference=" + "a" * 129, "?" + "&" * 50])
def test_a_query_needs_one_reference(api: Api, key: str, query: str) -> None:
    assert api.get(PATH + query, key).json()["code"] == "invalid"


def test_the_timeline_says_in_sentences_what_happened(api: Api, key: str, message: dict[str, Any]) -> None:
    shown = api.get(f"{PATH}/{message['id']}/timeline", key).json()
    assert shown["message"]["id"] == message["id"]
    assert [(line["state"], line["rule"], line["text"]) for line in shown["timeline"]] == [
        ("queued", "enqueued", "accepted and queued")
    ]
    assert shown["next"].startswith("waits for a worker")


def test_a_message_that_was_not_begun_is_cancelled_and_stays_so(api: Api, key: str, message: dict[str, Any]) -> None:
    place = f"{PATH}/{message['id']}"
    first, again = api.delete(place, key), api.delete(place, key)
    assert (first.status_code, first.json()["state"]) == (200, "cancelled")
    assert (again.status_code, again.content) == (200, first.content)


def test_a_message_that_was_begun_is_not_cancelled(api: Api, key: str, message: dict[str, Any], store: Records) -> None:
    begin(store, message["id"], "a worker")
    answer = api.delete(f"{PATH}/{message['id']}", key)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_late")


def test_feedback_is_noted_once_and_shown(api: Api, key: str, message: dict[str, Any], store: Records) -> None:
    place = f"{PATH}/{message['id']}"
    first = api.post(f"{place}/feedback", key, {"used": True})
    again = api.post(f"{place}/feedback", key, {"used": True})
    assert first.status_code == again.status_code == 200
    assert first.json()["used_at"] is not None
    assert api.get(place, key).json() == first.json() == again.json()
    begin(store, message["id"], "a worker")  # it changes nothing about what follows
    assert api.get(place, key).json()["used_at"] == first.json()["used_at"]


def test_feedback_counts_among_the_codes_of_its_day_and_country(
    api: Api, key: str, message: dict[str, Any], redis: StoreRedis
) -> None:
    for _ in range(2):
        api.post(f"{PATH}/{message['id']}/feedback", key, {"used": True})
    counts = CodeCounts(redis).read()
    assert counts.accepted == counts.used == {(counts.today, "86"): 1}


@pytest.mark.parametrize("body", [{}, {"used": False}, {"used": 1}, {"used": True, "more": 1}, {"used": None}])
def test_other_feedback_is_refused(api: Api, key: str, message: dict[str, Any], body: object) -> None:
    assert api.post(f"{PATH}/{message['id']}/feedback", key, body).json()["code"] == "invalid"


def test_the_relays_status_counts_what_waits(api: Api, key: str, message: dict[str, Any], redis: StoreRedis) -> None:
    shown = api.get("/v1/status", key).json()
    assert shown == {"state": "no_workers", "since": None, "workers": 0, "waiting": {"otp": 1, "notice": 0, "marketing": 0}}
    redis.hset("{sms}:halted", mapping={"since": "1700000000000", "code": "http_403", "probe": "0"})
    assert api.get("/v1/status", key).json()["state"] == "halted"
    assert [*shown["waiting"]] == [lane.value for lane in Lane]
