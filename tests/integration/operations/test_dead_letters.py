"""Dead letters that a filter selects, among very many."""

from smsrelay.contract.lanes import Lane
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.operations.dead_letters import Filter, dead_letters
from smsrelay_worker.store.dead_letters import DeadLetterIndex
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import answer, begin, job


def test_the_few_that_match_are_found_in_few_round_trips_and_with_their_payloads(
    redis: StoreRedis, store: Records, door: Enqueuer
) -> None:
    ids = [door.enqueue(job(Lane.NOTICE if number % 100 else Lane.OTP)).message_id for number in range(300)]
    for one in ids:
        begin(store, one)
        answer(store, one, 1, Answer(Kind.ANSWERED, "i005"))
    before = redis.info("stats")["total_reads_processed"]
    found = list(dead_letters(DeadLetterIndex(redis), store, Filter(lane=Lane.OTP)))
    assert redis.info("stats")["total_reads_processed"] - before < 50
    assert [one.record.message_id for one in found] == [ids[200], ids[100], ids[0]]
    assert all(one.payload is not None for one in found)
