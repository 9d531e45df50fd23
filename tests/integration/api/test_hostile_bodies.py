"""Whatever is posted, the API answers, and never with a fault of its own."""

import json
from collections import Counter
from urllib.parse import urlsplit

from smsrelay.store.connection import StoreRedis
from tests.support.api_process import Api, bearer
from tests.support.mutations import mutated
from tests.support.pipelining import post_all

BODIES = 100_000
BATCHES = 4_000  # each of several mutated jobs
SEED = 20_261_128


def test_a_hundred_thousand_mutated_bodies_never_bring_out_a_server_error(api: Api, key: str, redis: StoreRedis) -> None:
    headers = bearer(key) | {"content-type": "application/json"}
    answers = Counter(post_all(urlsplit(api.url).port or 0, "/v1/messages", headers, list(mutated(BODIES, SEED))))
    assert {status for status in answers if status >= 500} == set()
    assert {202, 409, 422} <= set(answers)  # they are near enough to reach every step
    assert answers[202] == redis.zcard("{sms}:agenda")
    assert api.get("/readyz").status_code == 200
    assert not [line for line in api.logged if line["event"] == "api.failed"]


def test_nor_do_batches_of_them(api: Api, key: str) -> None:
    jobs = [body for body in mutated(4 * BATCHES, SEED + 1) if _is_json(body)]
    batches = [b'{"messages":[' + b",".join(jobs[start : start + 4]) + b"]}" for start in range(0, len(jobs), 4)]
    answers = Counter(
        post_all(urlsplit(api.url).port or 0, "/v1/messages/batch", bearer(key) | {"content-type": "application/json"}, batches)
    )
    assert {status for status in answers if status >= 500} == set()
    assert answers[200] > 0
    assert not [line for line in api.logged if line["event"] == "api.failed"]


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
