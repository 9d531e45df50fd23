"""What a key opens: scopes, lanes, numbers, its end; and quotas, which all processes of the API share."""

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.api.openapi import openapi
from smsrelay_worker.api.operations import OPERATIONS, Operation
from smsrelay_worker.store.api.api_key import KeyType, Scope, key_id_of
from smsrelay_worker.store.api.api_keys import ApiKeys
from tests.integration.api.conftest import environment
from tests.support.api_process import Api, a_job, a_key, running_api
from tests.support.waiting import eventually

PATH = "/v1/messages"


@pytest.mark.parametrize("key", [None, "", "nothing", "sms_live_aaaaaaaa_" + "a" * 32, "sms_live_aaaaaaaa_" + "ü" * 32])
def test_a_request_without_a_key_that_opens_is_unauthorised(api: Api, key: str | None) -> None:
    answer = api.post(PATH, key.encode().decode("latin-1") if key else key, a_job())
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] == ("no_key" if key is None else "wrong_key")


def test_the_id_of_a_key_with_another_secret_opens_nothing(api: Api, key: str) -> None:
    forged = key[:-1] + ("b" if key[-1] == "a" else "a")
    assert key_id_of(forged) == key_id_of(key)
    assert api.post(PATH, forged, a_job()).json()["code"] == "wrong_key"


def test_a_revoked_key_ends_within_about_a_second(api: Api, key: str, redis: StoreRedis) -> None:
    assert api.post(PATH, key, a_job()).status_code == 202
    ApiKeys(redis).revoke(key_id_of(key) or "")
    revoked = time.monotonic()
    eventually(lambda: api.post(PATH, key, a_job()).status_code == 401, "the key ended")
    assert time.monotonic() - revoked < 5  # a second, and a slow machine


def test_a_key_past_its_end_opens_nothing(api: Api, redis: StoreRedis) -> None:
    now = ApiKeys(redis).now()
    assert api.get("/v1/status", a_key(redis, expires_at=now - 1)).json()["code"] == "wrong_key"
    assert api.get("/v1/status", a_key(redis, expires_at=now + 60_000)).status_code == 200


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (Scope.SEND, {"send", "feedback"}),
        (Scope.READ, {"show", "timeline", "find_number"}),
        (Scope.CANCEL, {"cancel"}),
        (Scope.CAMPAIGNS, {"campaigns", "show_campaign"}),
        (Scope.SUPPRESSIONS, {"suppress", "unsuppress", "find_suppressions"}),
    ],
)
def test_a_scope_allows_its_requests_alone(api: Api, key: str, redis: StoreRedis, scope: Scope, allowed: set[str]) -> None:
    place = api.post(PATH, key, a_job()).headers["Location"]
    narrow = a_key(redis, scopes=frozenset({scope}))
    answers = {
        "send": api.post(PATH, narrow, a_job()),
        "feedback": api.post(f"{place}/feedback", narrow, {"used": True}),
        "show": api.get(place, narrow),
        "timeline": api.get(f"{place}/timeline", narrow),
        "find_number": api.post(f"{PATH}/find", narrow, {"to": "13912345678"}),
        "suppress": api.post("/v1/suppressions", narrow, {"to": "13912345678"}),
        "unsuppress": api.post("/v1/suppressions/remove", narrow, {"to": "13912345678"}),
        "campaigns": api.get("/v1/campaigns", narrow),
        "show_campaign": api.get("/v1/campaigns/x", narrow),
        "find_suppressions": api.post("/v1/suppressions/find", narrow, {"to": "13912345678"}),
        "cancel": api.delete(place, narrow),
    }
    assert {name for name, answer in answers.items() if answer.status_code != 403} == allowed
    assert {answer.json()["code"] for answer in answers.values() if answer.status_code == 403} == {"missing_scope"}


def test_a_key_sends_in_its_lanes_alone(api: Api, redis: StoreRedis) -> None:
    key = a_key(redis, lanes=frozenset({Lane.NOTICE}))
    assert api.post(PATH, key, a_job(lane="notice")).status_code == 202
    assert api.post(PATH, key, a_job(lane="otp")).json()["code"] == "lane_not_allowed"


def test_a_team_key_reaches_its_numbers_alone(api: Api, redis: StoreRedis) -> None:
    key = a_key(redis, kind=KeyType.TEAM, to="+8613912345678")
    assert api.post(PATH, key, a_job(to="139 1234 5678")).status_code == 202
    assert api.post(PATH, key, a_job(to="13912345679")).json()["code"] == "number_not_allowed"


def test_a_test_key_makes_messages_that_live_keys_do_not_see(api: Api, key: str, redis: StoreRedis, store: Records) -> None:
    test_key, job = a_key(redis, kind=KeyType.TEST), a_job(reference="1")
    live, test = api.post(PATH, key, job).json(), api.post(PATH, test_key, job).json()
    assert (live["test"], test["test"]) == (False, True)
    assert live["id"] != test["id"]
    reading = store.read(test["id"])
    assert reading is not None
    assert reading.record.test
    for other, message_id in ((key, test["id"]), (test_key, live["id"])):
        assert api.get(f"{PATH}/{message_id}", other).status_code == 404
    assert api.get(f"{PATH}?reference=1", test_key).json()["id"] == test["id"]


def test_a_quota_a_minute_or_a_day_is_answered_with_when_to_try_again(api: Api, redis: StoreRedis) -> None:
    for field, code, longest in (("quota_minute", "quota_minute", 60), ("quota_day", "quota_day", 86_400)):
        key = a_key(redis, **{field: 2})
        answers = [api.post(PATH, key, a_job()) for _ in range(4)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) in {1, 2}  # a minute may end meanwhile
        assert {answer.json()["code"] for answer in refused} == {code}
        assert all(1 <= int(answer.headers["Retry-After"]) <= longest for answer in refused)


def test_a_refused_job_does_not_count(api: Api, redis: StoreRedis) -> None:
    key = a_key(redis, quota_day=1)
    assert [api.post(PATH, key, a_job(to="1")).status_code for _ in range(3)] == [422] * 3
    assert api.post(PATH, key, a_job()).status_code == 202


def test_a_batch_counts_its_jobs_and_is_taken_whole_or_not_at_all(api: Api, redis: StoreRedis) -> None:
    key = a_key(redis, quota_day=5)
    batch = {"messages": [a_job(), a_job(), a_job()]}
    assert api.post(f"{PATH}/batch", key, batch).status_code == 200
    assert api.post(f"{PATH}/batch", key, batch).json()["code"] == "quota_day"
    assert [api.post(PATH, key, a_job()).status_code for _ in range(3)] == [202, 202, 429]
    assert redis.zcard("{sms}:outbox:otp") == 5


def test_an_apps_quota_counts_for_each_of_its_keys_unless_the_key_says_otherwise(api: Api, redis: StoreRedis) -> None:
    first, second, own = a_key(redis, "quoted"), a_key(redis, "quoted"), a_key(redis, "quoted", quota_day=4, quota_minute=100)
    for key, quota in ((first, 3), (second, 3), (own, 4)):
        jobs = [[a_job()] for _ in range(quota)]
        codes = [api.post(f"{PATH}/batch", key, {"messages": job}).status_code for job in jobs]
        assert codes.count(200) in {2, quota}  # of the app's quota, two fit in a minute
    assert api.post(PATH, own, a_job()).json()["code"] == "quota_day"


def test_two_processes_share_a_quota(
    api: Api, redis: StoreRedis, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    key = a_key(redis, quota_day=20)
    log = tmp_path_factory.mktemp("second") / "api.log"
    with running_api(environment(valkey_url), log) as second, ThreadPoolExecutor(8) as threads:
        doors = [secrets.choice((api, second)) for _ in range(60)]
        codes = list(threads.map(lambda door: door.post(PATH, key, a_job()).status_code, doors))
    assert (codes.count(202), codes.count(429)) == (20, 40)
    assert redis.zcard("{sms}:outbox:otp") == 20


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_two_keys_in_one_request_are_refused_as_the_document_says(api: Api, key: str, operation: Operation) -> None:
    with closing(HTTPConnection(api.url.removeprefix("http://"), timeout=10)) as connection:
        connection.putrequest(
            operation.method, operation.path.replace("{id}", "018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b").replace("{name}", "x")
        )
        for one in (key, "another"):
            connection.putheader("Authorization", f"Bearer {one}")
        connection.endheaders()
        answer = connection.getresponse()
        problem = json.loads(answer.read())
    assert (answer.status, problem["code"], problem["errors"][0]["field"]) == (422, "invalid", "authorization")
    responses = openapi()["paths"][operation.path][operation.method.lower()]["responses"]
    assert "`invalid`" in responses["422"]["description"]
