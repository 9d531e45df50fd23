"""What waits is read page by page and by filter, on a real store."""

from collections.abc import Mapping

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay.store.traffic.halts import Halts
from smsrelay_worker.store.agenda import Agenda
from tests.integration.store.test_halts import hold
from tests.support.messages import begin, job
from tests.support.store_keys import KEYS

QUEUED = (State.QUEUED,)


@pytest.fixture
def agenda(redis: StoreRedis) -> Agenda:
    return Agenda(redis)


def read(agenda: Agenda, fields: Mapping[str, str] | None = None, **options: str) -> list[str]:
    return [one for page in agenda.ids(QUEUED, fields or {}, **options) for one in page]


def test_every_waiting_message_is_read_once_also_those_with_the_same_deadline(
    agenda: Agenda, door: Enqueuer, redis: StoreRedis
) -> None:
    ids = [one.message_id for one in door.enqueue_many(job() for _ in range(1234))]
    redis.zadd(KEYS.agenda, dict.fromkeys(ids[:1100], 5_000_000_000_000))
    found = read(agenda)
    assert len(found) == 1234
    assert set(found) == set(ids)


def test_the_first_to_become_due_comes_first(agenda: Agenda, door: Enqueuer, redis: StoreRedis) -> None:
    ids = [door.enqueue(job()).message_id for _ in range(3)]
    redis.zadd(KEYS.agenda, dict(zip(ids, (30, 10, 20), strict=True)))
    assert read(agenda) == [ids[1], ids[2], ids[0]]


def test_only_what_matches_is_returned(agenda: Agenda, door: Enqueuer, store: Records) -> None:
    code = door.enqueue(job(Lane.OTP)).message_id
    of_shop = door.enqueue(job(Lane.NOTICE, app="shop")).message_id
    begun = door.enqueue(job(Lane.OTP)).message_id
    begin(store, begun)
    assert read(agenda, {"lane": "otp"}) == [code]
    assert read(agenda, {"app": "shop"}) == [of_shop]
    assert read(agenda, {"app": "default"}) == [code]
    assert [one for page in agenda.ids((State.SUBMITTING,), {}) for one in page] == [begun]


def test_one_campaign_and_one_halted_part_are_read_by_themselves(
    agenda: Agenda, door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    ids = [door.enqueue(job(Lane.MARKETING, campaign="spring", app="shop")).message_id for _ in range(5)]
    held = door.enqueue(job(Lane.OTP)).message_id
    Halts(redis).halt("lane:otp")
    hold(store, held, "lane:otp")
    assert read(agenda, campaign="shop/spring") == ids
    assert read(agenda, held="lane:otp") == [held]
    assert read(agenda, held="lane:notice") == []
