"""Parked reports in a real store: those that came without a proof are bounded in number and time."""

from smsrelay.contract.event import StatusEvent
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.store.parked_reports import UNPROVEN_CAP, UNPROVEN_FOR, ParkedReports
from tests.support.store_keys import KEYS


def report(message_id: str | None, external_id: str | None) -> StatusEvent:
    return StatusEvent(
        v=1, message_id=message_id, attempt=1 if message_id else None, external_id=external_id, code="200", received_at=1
    )


def test_of_the_ids_that_anybody_may_send_the_oldest_gives_way(parked: ParkedReports, redis: StoreRedis) -> None:
    assert parked.park(report(None, "first"))
    redis.zadd(KEYS.parked_ids, {f"filler{number}": 10**15 for number in range(UNPROVEN_CAP)})
    assert parked.park(report(None, "last"))
    assert redis.zcard(KEYS.parked_ids) == UNPROVEN_CAP
    assert parked.of("first") == []
    assert 0 < redis.pttl(KEYS.parked("x")) <= UNPROVEN_FOR or not redis.exists(KEYS.parked("x"))


def test_a_report_without_a_proof_waits_for_an_hour_and_one_with_a_proof_for_the_retention(
    parked: ParkedReports, redis: StoreRedis
) -> None:
    parked.park(report(None, "external"))
    parked.park(report("a-message", None))
    assert 0 < redis.pttl(KEYS.parked("external")) <= UNPROVEN_FOR
    assert redis.pttl(KEYS.parked("a-message")) > 0
    assert redis.zrange(KEYS.parked_ids, 0, -1) == ["external"]
    assert parked.of("external") == [report(None, "external")]
