"""Suppressions over HTTP: a key decides about its own app's marketing alone, and no number stands in a URL."""

import pytest

from smsrelay.contract.key_ring import KeyRing
from smsrelay.store.connection import StoreRedis
from smsrelay.store.suppressions import Suppressions
from smsrelay_worker.store.api.api_key import KeyType
from tests.support.api_process import NUMBER_KEY, Api, a_job, a_key
from tests.support.store_keys import KEYS

PATH = "/v1/suppressions"
BODY = {"to": "139 1234 5678"}


def marketing(api: Api, key: str) -> int:
    return api.post("/v1/messages", key, a_job(to="13912345678", lane="marketing")).status_code


def test_a_suppressed_number_gets_no_marketing_of_the_app_until_it_is_taken_off(api: Api, key: str, redis: StoreRedis) -> None:
    other = a_key(redis, "bank")
    assert api.post(PATH, key, BODY).json() == {"suppressed": True, "changed": True}
    assert api.post(PATH, key, BODY).json() == {"suppressed": True, "changed": False}
    assert (marketing(api, key), marketing(api, other)) == (422, 202)
    assert api.post("/v1/messages", key, a_job(to="13912345678")).status_code == 202  # codes pass
    assert api.post(f"{PATH}/remove", other, BODY).json() == {"suppressed": False, "changed": False}
    assert marketing(api, key) == 422
    assert api.post(f"{PATH}/remove", key, BODY).json() == {"suppressed": False, "changed": True}
    assert marketing(api, key) == 202


def test_the_lists_that_hold_a_number_say_since_when_and_why(api: Api, key: str, redis: StoreRedis) -> None:
    lists = Suppressions(redis, KeyRing(NUMBER_KEY.encode()))
    for name in ("*", "app:bank", "sig:Elsewhere"):
        lists.add(["+8613912345678"], name, "import")
    api.post(PATH, key, BODY)
    found = api.post(f"{PATH}/find", key, BODY).json()["suppressions"]
    assert [(one["list"], one["source"]) for one in found] == [("*", "import"), ("app:shop", "api")]
    assert api.post(f"{PATH}/find", key, {"to": "13912345679"}).json() == {"suppressions": []}


@pytest.mark.parametrize("kind", [KeyType.TEST, KeyType.TEAM])
def test_a_key_that_is_not_live_changes_nothing(api: Api, redis: StoreRedis, kind: KeyType) -> None:
    key = a_key(redis, kind=kind, to="+8613912345678")
    answers = [api.post(path, key, BODY) for path in (PATH, f"{PATH}/remove")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "live_key_needed")] * 2
    assert api.post(f"{PATH}/find", key, BODY).status_code == 200
    assert redis.exists(KEYS.suppressed) == 0


@pytest.mark.parametrize("path", [PATH, f"{PATH}/remove", f"{PATH}/find", "/v1/messages/find"])
@pytest.mark.parametrize(
    "body", [{}, {"to": 13912345678}, {"to": "1391234567x"}, {"to": "13912345678", "list": "*"}, {"to": "1" * 65}]
)
def test_a_body_without_one_number_is_refused_without_quoting_it(api: Api, key: str, path: str, body: dict[str, object]) -> None:
    refused = api.post(path, key, body)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
    assert "1391234567" not in refused.text
    assert [error["field"] for error in refused.json()["errors"]] == [name for name in ("list",) if name in body] or ["to"]


def test_the_app_finds_its_own_messages_to_a_number_alone(api: Api, key: str, redis: StoreRedis) -> None:
    test_key, other = a_key(redis, kind=KeyType.TEST), a_key(redis, "bank")
    job = a_job(to="13912345678", campaign="spring")
    mine = [api.post("/v1/messages", key, job).json()["id"] for _ in range(2)]
    test, theirs = (api.post("/v1/messages", one, job).json()["id"] for one in (test_key, other))
    api.post("/v1/messages", key, a_job())
    for one, ids in ((key, mine[::-1]), (test_key, [test]), (other, [theirs])):
        answer = api.post("/v1/messages/find", one, BODY)
        assert [message["id"] for message in answer.json()["messages"]] == ids
        assert "1391234567" not in answer.text
        assert {message["campaign"] for message in answer.json()["messages"]} == {"spring"}
    assert api.post("/v1/messages/find", key, {"to": "13912345679"}).json() == {"messages": []}
