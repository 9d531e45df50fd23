"""Parked reports in a real store: those that came without a proof are bounded in number and time."""

from redis import Redis

from smsrelay.contract.event import StatusEvent
from smsrelay.store import keys
from smsrelay_worker.store.parked_reports import UNPROVEN_CAP, UNPROVEN_FOR
from smsrelay_worker.store.records import Store
from tests.support.messages import RETENTION


def report(message_id: str | None, external_id: str | None) -> StatusEvent:
    return StatusEvent(
        v=1, message_id=message_id, attempt=1 if message_id else None, external_id=external_id, code="200", received_at=1
    )


def test_of_the_ids_that_anybody_may_send_the_oldest_gives_way(redis: Redis) -> None:
    store = Store(redis, RETENTION)
    assert store.park(report(None, "first"))
    redis.zadd(keys.PARKED, {f"filler{number}": 10**15 for number in range(UNPROVEN_CAP)})
    assert store.park(report(None, "last"))
    assert redis.zcard(keys.PARKED) == UNPROVEN_CAP
    assert store.parked("first") == []
    assert 0 < redis.pttl(keys.parked("x")) <= UNPROVEN_FOR or not redis.exists(keys.parked("x"))


def test_a_report_without_a_proof_waits_for_an_hour_and_one_with_a_proof_for_the_retention(redis: Redis) -> None:
    store = Store(redis, RETENTION)
    store.park(report(None, "external"))
    store.park(report("a-message", None))
    assert 0 < redis.pttl(keys.parked("external")) <= UNPROVEN_FOR
    assert redis.pttl(keys.parked("a-message")) > 0
    assert redis.zrange(keys.PARKED, 0, -1) == ["external"]
    assert store.parked("external") == [report(None, "external")]
