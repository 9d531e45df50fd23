"""What limits say of a job, over HTTP: refused with a code and, for a cap, the seconds to wait; or accepted with a warning."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.send_window import SendWindow, encode_windows
from smsrelay.store.connection import StoreRedis
from smsrelay.store.suppressions import Suppressions
from smsrelay_worker.store.api.api_key import KeyType
from tests.integration.api.conftest import environment
from tests.support.api_process import NUMBER_KEY, Api, a_job, a_key, running_api
from tests.support.store_keys import KEYS

PATH = "/v1/messages"
TO = "13912345678"
HOUR = 3600


@pytest.fixture
def capped(redis: StoreRedis) -> None:
    """One code an hour to a number, and no country but the mainland."""
    cap = ["code a number", 1, HOUR * 1000, "o", [], "number"]
    redis.hset(KEYS.limits, mapping={"otp": json.dumps([cap]), "lasts": str(HOUR * 1000), "countries": " 86 "})


@pytest.mark.usefixtures("capped")
def test_a_code_over_its_cap_is_too_many_with_the_seconds_to_wait(api: Api, key: str) -> None:
    assert api.post(PATH, key, a_job(to=TO)).status_code == 202
    refused = api.post(PATH, key, a_job(to=TO))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert 1 <= int(refused.headers["Retry-After"]) <= HOUR
    [error] = refused.json()["errors"]
    assert (error["field"], error["code"]) == ("to", "too_many")
    assert TO not in refused.text


@pytest.mark.usefixtures("capped")
def test_the_same_reference_again_is_the_same_code_and_not_too_many(api: Api, key: str) -> None:
    job = a_job(to=TO, reference="login-1")
    assert [api.post(PATH, key, job).status_code for _ in range(3)] == [202, 200, 200]


@pytest.mark.usefixtures("capped")
def test_each_job_of_a_batch_is_held_against_the_cap(api: Api, key: str) -> None:
    jobs = [a_job(to=TO), a_job(to=TO), a_job(to="13912345679"), a_job(to="+447400123456")]
    results = api.post(f"{PATH}/batch", key, {"messages": jobs}).json()["results"]
    assert [result["status"] for result in results] == [202, 429, 202, 422]
    assert 1 <= results[1]["retry_after"] <= HOUR
    assert [result["problem"]["code"] for result in results if "problem" in result] == ["too_many", "country"]
    assert "retry_after" not in results[3]


def _suppressed(redis: StoreRedis) -> dict[str, Any]:
    Suppressions(redis, KeyRing(NUMBER_KEY.encode())).add([f"+86{TO}"], "app:shop", "command")
    return a_job(to=TO, lane="marketing")


def _abroad(redis: StoreRedis) -> dict[str, Any]:
    redis.hset(KEYS.limits, "countries:shop", " 86 852 ")
    return a_job(to="+447400123456")


def _of_a_cancelled_campaign(redis: StoreRedis) -> dict[str, Any]:
    redis.hset(KEYS.halts, "campaign:shop/spring", json.dumps({"since": 1, "kind": "cancelled"}))
    return a_job(lane="marketing", campaign="spring")


@pytest.mark.parametrize(
    ("make", "code", "field"),
    [(_suppressed, "suppressed", "to"), (_abroad, "country", "to"), (_of_a_cancelled_campaign, "campaign_cancelled", "campaign")],
)
def test_what_the_store_refuses_has_a_code_of_its_own(
    api: Api, key: str, redis: StoreRedis, make: Any, code: str, field: str
) -> None:
    refused = api.post(PATH, key, make(redis))
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert [(error["field"], error["code"]) for error in refused.json()["errors"]] == [(field, code)]
    assert "Retry-After" not in refused.headers
    assert redis.zcard(KEYS.agenda) == 0


@pytest.mark.usefixtures("capped")
def test_a_test_message_is_held_against_nothing(api: Api, redis: StoreRedis) -> None:
    key = a_key(redis, kind=KeyType.TEST)
    assert [api.post(PATH, key, a_job(to=TO)).status_code for _ in range(2)] == [202, 202]


def test_a_deadline_before_the_send_window_opens_is_warned_of(valkey_url: str, redis: StoreRedis, tmp_path: Path) -> None:
    opens = datetime.now(UTC) + timedelta(hours=6)
    window = SendWindow.decode(["marketing", "86", f"{opens:%H}:00", f"{opens + timedelta(hours=2):%H}:00", "UTC"])
    redis.hset(KEYS.limits, "windows", encode_windows([window]))
    key, hurried = a_key(redis), a_job(lane="marketing", expires_in=HOUR)
    with running_api(environment(valkey_url), tmp_path / "api.log") as api:
        answer = api.post(PATH, key, hurried)
        assert answer.status_code == 202
        [warning] = answer.json()["warnings"]
        assert "before its send window (marketing +86) opens" in warning
        [item] = api.post(f"{PATH}/batch", key, {"messages": [hurried]}).json()["results"]
        assert len(item["message"]["warnings"]) == 1
        for job in (
            a_job(lane="marketing", expires_in=24 * HOUR),
            a_job(lane="notice", expires_in=HOUR),
            hurried | {"ignore_send_window": True},
            hurried | {"to": "+447400123456"},
        ):
            assert "warnings" not in api.post(PATH, key, job).json()
