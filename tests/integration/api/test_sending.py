"""POST /v1/messages: what is accepted, what is repeated, and what is refused."""

import http.client
import json
from typing import Any

import pytest

from smsrelay.contract.message import referenced_id
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from tests.support.api_process import Api, a_job, a_key

PATH = "/v1/messages"


def test_an_accepted_job_is_recorded_and_published_before_the_answer(
    api: Api, key: str, redis: StoreRedis, store: Records
) -> None:
    answer = api.post(PATH, key, a_job(reference="login-4711", tags={"order": "17"}))
    message_id = referenced_id("shop", "login-4711")
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/messages/{message_id}"
    assert answer.json() == {
        "id": message_id,
        "app": "shop",
        "reference": "login-4711",
        "lane": "otp",
        "template": "0000000",
        "test": False,
    }
    reading = store.read(message_id)
    assert reading is not None
    assert (reading.record.app, reading.record.tags, reading.record.test) == ("shop", {"order": "17"}, False)
    assert redis.llen("sms.otp") == 1


def test_a_job_without_a_reference_is_a_new_message_each_time(api: Api, key: str) -> None:
    job = a_job()
    first, second = api.post(PATH, key, job), api.post(PATH, key, job)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


def test_the_same_reference_again_is_answered_with_the_same_body(api: Api, key: str) -> None:
    job = a_job(reference="login-1")
    first, again = api.post(PATH, key, job), api.post(PATH, key, job)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]


def test_the_same_reference_with_other_content_is_a_conflict(api: Api, key: str) -> None:
    api.post(PATH, key, a_job(reference="login-1"))
    answer = api.post(PATH, key, a_job(reference="login-1", params=["1"]))
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "reference_taken"
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [("reference", "taken")]


def test_the_header_idempotency_key_is_another_name_of_the_reference(api: Api, key: str) -> None:
    job = a_job()
    first = api.post(PATH, key, job, Idempotency_Key="login-1")
    assert first.json()["reference"] == "login-1"
    for again in (
        api.post(PATH, key, job | {"reference": "login-1"}),
        api.post(PATH, key, job, Idempotency_Key='"login-1"'),
        api.post(PATH, key, job | {"reference": "login-1"}, Idempotency_Key="login-1"),
    ):
        assert (again.status_code, again.content) == (200, first.content)


def test_a_header_that_differs_from_the_reference_is_refused(api: Api, key: str) -> None:
    answer = api.post(PATH, key, a_job(reference="one"), Idempotency_Key="two")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reference")


@pytest.mark.parametrize("values", [(b"one", b"two"), (b"caf\xe9",)])
def test_a_header_of_which_nobody_knows_what_it_says_is_refused(api: Api, key: str, values: tuple[bytes, ...]) -> None:
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", PATH)
    body = json.dumps(a_job()).encode()
    fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Content-Length": str(len(body))}
    for name, value in [*fields.items(), *(("Idempotency-Key", value) for value in values)]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["errors"][0]["field"].lower()) == (422, "idempotency-key")
    connection.close()


def test_the_longest_job_is_taken_however_it_is_spelled(api: Api, key: str) -> None:
    assert api.post(PATH, key, a_job(params=["😀" * 500] * 20)).status_code == 202


def test_every_wrong_field_is_named_and_no_value_is_shown(api: Api, key: str) -> None:
    body = {"to": "13912345", "lane": "sms", "params": ["secret\n"], "18812345678": 1, "expires_in": -1}
    answer = api.post(PATH, key, body)
    assert answer.status_code == 422
    found = {one["field"]: one["code"] for one in answer.json()["errors"]}
    assert found == {
        "to": "invalid",
        "template": "missing",
        "lane": "choice",
        "params.0": "invalid",
        "expires_in": "range",
        "(unnamed field)": "unknown_field",
    }
    assert not [value for value in ("13912345", "secret", "18812345678") if value in answer.text]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"to": NaN}', b"[" * 10_000, b"1" * 5000])
def test_what_is_no_json_object_is_refused(api: Api, key: str, body: bytes) -> None:
    answer = api.post(PATH, key, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


def test_a_job_of_another_app_is_refused(api: Api, key: str) -> None:
    assert api.post(PATH, key, a_job(app="bank")).json()["code"] == "other_app"
    assert api.post(PATH, key, a_job(app="shop")).status_code == 202
    assert api.post(PATH, key, a_job(app=None)).status_code == 202


def test_apps_have_references_of_their_own(api: Api, key: str, redis: StoreRedis) -> None:
    other = a_key(redis, "bank")
    first = api.post(PATH, key, a_job(reference="1"))
    second = api.post(PATH, other, a_job(reference="1"))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] != second.json()["id"]


def test_a_body_must_be_json_and_not_compressed(api: Api, key: str) -> None:
    body = json.dumps(a_job()).encode()
    assert api.post(PATH, key, body, content_type="text/plain").json()["code"] == "not_json"
    assert api.post(PATH, key, body, content_encoding="gzip").json()["code"] == "compressed"
    assert api.post(PATH, key, body, content_type="application/json; charset=utf-8").status_code == 202


def test_a_long_body_is_refused_before_it_is_read(api: Api, key: str) -> None:
    answer = api.post(PATH, key, b" " * (128 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["Connection"] == "close"


def test_a_batch_has_a_result_for_each_job_in_their_order(api: Api, key: str) -> None:
    known = a_job(reference="known")
    api.post(PATH, key, known)
    jobs: list[Any] = [a_job(reference="new"), known, a_job(reference="known", params=["1"]), {"to": "1"}, 7, a_job(app="bank")]
    answer = api.post(f"{PATH}/batch", key, {"messages": jobs})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [202, 200, 409, 422, 422, 403]
    assert [one["message"]["reference"] for one in results[:2]] == ["new", "known"]
    assert results[1]["message"] == api.post(PATH, key, known).json()
    codes = [one["problem"]["code"] for one in results[2:]]
    assert codes == ["reference_taken", "invalid", "invalid", "other_app"]


def test_a_batch_with_one_idempotency_key_for_all_its_jobs_is_refused_and_sends_nothing(
    api: Api, key: str, redis: StoreRedis
) -> None:
    answer = api.post(f"{PATH}/batch", key, {"messages": [a_job(), a_job()]}, Idempotency_Key="campaign-1")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
    assert redis.keys("{sms}:m:*") == []


def test_a_batch_of_five_hundred_is_taken_and_one_more_is_not(api: Api, key: str, redis: StoreRedis) -> None:
    jobs = [a_job() for _ in range(501)]
    assert api.post(f"{PATH}/batch", key, {"messages": jobs}).status_code == 422
    answer = api.post(f"{PATH}/batch", key, {"messages": jobs[:500]})
    assert [one["status"] for one in answer.json()["results"]] == [202] * 500
    assert redis.zcard("{sms}:outbox:otp") == 500


@pytest.mark.parametrize("body", [{}, {"messages": []}, {"messages": {}}, {"messages": [{}], "more": 1}, {"messages": None}])
def test_a_batch_of_nothing_is_refused(api: Api, key: str, body: object) -> None:
    assert api.post(f"{PATH}/batch", key, body).json()["code"] == "invalid"


def test_a_message_of_a_batch_without_a_reference_says_so(api: Api, key: str) -> None:
    [result] = api.post(f"{PATH}/batch", key, {"messages": [a_job()]}).json()["results"]
    assert (result["status"], result["message"]["reference"]) == (202, None)
    assert set(result) == {"status", "message"}


def test_the_same_job_twice_in_a_batch_is_one_message(api: Api, key: str) -> None:
    job = a_job(reference="twice")
    results = api.post(f"{PATH}/batch", key, {"messages": [job, job]}).json()["results"]
    assert [one["status"] for one in results] == [202, 200]
    assert results[0]["message"] == results[1]["message"]
