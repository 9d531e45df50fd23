"""Codes that were used, as feedback counts them in a real store."""

from typing import Any

import pytest

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.store.code_counts import LIFETIME, CodeCounts
from smsrelay_worker.store.feedback import Feedback
from tests.support.store_keys import KEYS

DAY = 86_400_000
MESSAGE = "018f2b1c-0000-7000-8000-000000000001"


@pytest.fixture
def now(redis: StoreRedis) -> int:
    """The store's clock, in ms."""
    seconds, micros = redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


def recorded(redis: StoreRedis, at: int, **fields: Any) -> None:
    """A code as the store holds it once it is delivered."""
    redis.hset(KEYS.message(MESSAGE), mapping={"state": "delivered", "lane": "otp", "tpl": "0", "at": at, **fields})


def used(redis: StoreRedis) -> int | None:
    feedback = Feedback(redis)
    redis.script_load(feedback.script)
    return feedback.read(redis.execute_command(*feedback.command(MESSAGE)))


def test_a_used_code_counts_once_however_often_the_app_says_so(redis: StoreRedis, now: int) -> None:
    recorded(redis, now)
    first = used(redis)
    assert first is not None
    assert used(redis) == used(redis) == first
    counts = CodeCounts(redis).read()
    assert counts.used == {(counts.today, "86"): 1}
    assert 0 < redis.pttl(KEYS.codes) <= LIFETIME


def test_it_counts_on_the_day_that_accepted_it_and_for_its_country(redis: StoreRedis, now: int) -> None:
    recorded(redis, now - 3 * DAY, cc="92")
    assert used(redis) is not None
    counts = CodeCounts(redis).read()
    assert counts.used == {(counts.today - 3, "92"): 1}


@pytest.mark.parametrize("fields", [{"lane": "notice"}, {"lane": "marketing"}, {"test": 1}])
def test_only_codes_that_reach_people_count(redis: StoreRedis, now: int, fields: dict[str, Any]) -> None:
    recorded(redis, now, **fields)
    assert used(redis) is not None
    assert not redis.exists(KEYS.codes)


def test_a_code_of_a_day_that_is_not_counted_any_more_adds_nothing(redis: StoreRedis, now: int) -> None:
    recorded(redis, now - 9 * DAY)
    assert used(redis) is not None
    assert not redis.exists(KEYS.codes)


def test_feedback_on_a_message_that_does_not_exist_counts_nothing(redis: StoreRedis) -> None:
    assert used(redis) is None
    assert not redis.exists(KEYS.codes)
