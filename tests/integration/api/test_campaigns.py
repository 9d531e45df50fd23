"""Campaigns over HTTP: how far each is, pausing, resuming and cancelling; of the key's own app alone."""

import pytest

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.store.api.api_key import KeyType
from tests.support.api_process import Api, a_job, a_key

PATH = "/v1/campaigns"
SPRING = f"{PATH}/spring"


@pytest.fixture
def spring(api: Api, key: str) -> None:
    """Two messages of the shop's campaign."""
    for _ in range(2):
        assert api.post("/v1/messages", key, a_job(lane="marketing", campaign="spring")).status_code == 202


@pytest.mark.usefixtures("spring")
def test_a_campaign_is_shown_with_its_counts(api: Api, key: str) -> None:
    shown = api.get(SPRING, key).json()
    assert (shown["app"], shown["name"], shown["state"]) == ("shop", "spring", "running")
    assert (shown["accepted"], shown["waiting"], shown["held"], shown["delivered"], shown["failed_by"]) == (2, 2, 0, 0, {})
    assert api.get(PATH, key).json() == {"campaigns": [shown]}


@pytest.mark.usefixtures("spring")
def test_it_is_paused_resumed_and_cancelled_and_each_may_be_repeated(api: Api, key: str) -> None:
    for verb, state in (("pause", "paused"), ("resume", "running"), ("pause", "paused"), ("cancel", "cancelled")):
        for _ in range(2):
            answer = api.post(f"{SPRING}/{verb}", key)
            assert (answer.status_code, answer.json()["state"]) == (200, state)
    for verb in ("pause", "resume"):
        refused = api.post(f"{SPRING}/{verb}", key)
        assert (refused.status_code, refused.json()["code"]) == (409, "already_cancelled")
    assert api.post("/v1/messages", key, a_job(lane="marketing", campaign="spring")).json()["code"] == "campaign_cancelled"


@pytest.mark.usefixtures("spring")
def test_another_apps_campaign_is_neither_seen_nor_changed(api: Api, key: str, redis: StoreRedis) -> None:
    other = a_key(redis, "bank")
    assert api.get(PATH, other).json() == {"campaigns": []}
    answers = [api.get(SPRING, other), *(api.post(f"{SPRING}/{verb}", other) for verb in ("pause", "resume", "cancel"))]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 4
    assert api.get(SPRING, key).json()["state"] == "running"


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize("kind", [KeyType.TEST, KeyType.TEAM])
def test_a_key_that_is_not_live_changes_no_campaign(api: Api, key: str, redis: StoreRedis, kind: KeyType) -> None:
    narrow = a_key(redis, kind=kind, to="+8613912345678")
    answers = [api.post(f"{SPRING}/{verb}", narrow) for verb in ("pause", "resume", "cancel")]
    assert [answer.json()["code"] for answer in answers] == ["live_key_needed"] * 3
    assert api.get(SPRING, narrow).json()["state"] == "running"
    assert api.get(SPRING, key).json()["state"] == "running"


@pytest.mark.parametrize("name", ["x", "a%2Fb", "%00", "a" * 65, "春"])
def test_what_is_no_campaign_is_not_found(api: Api, key: str, name: str) -> None:
    assert api.get(f"{PATH}/{name}", key).status_code == 404
    assert api.post(f"{PATH}/{name}/pause", key).status_code == 404


def test_pages_of_campaigns_are_asked_for(api: Api, key: str) -> None:
    for number in range(3):
        api.post("/v1/messages", key, a_job(campaign=f"c{number}"))
    assert len(api.get(f"{PATH}?limit=2", key).json()["campaigns"]) == 2
    assert len(api.get(f"{PATH}?limit=2&skip=2", key).json()["campaigns"]) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=51", "limit=x", "skip=-1", "limit=1&limit=2", "limit=", "skip=٣", "&" * 50])
def test_a_page_that_makes_no_sense_is_refused(api: Api, key: str, query: str) -> None:
    refused = api.get(f"{PATH}?{query}", key)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
