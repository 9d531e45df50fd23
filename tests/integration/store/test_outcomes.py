"""The outboxes of outcomes in a real store: claimed by lease, done, tried again, dropped with the retention, never lost."""

import json
import subprocess
import sys
from collections import defaultdict
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from smsrelay.contract.state import State
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay_worker.consumer.bootsteps import PublishSinksStep
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.store.sinks import outcomes
from smsrelay_worker.store.sinks.outcomes import ClaimedOutcome, OutcomeOutbox, Waiting
from smsrelay_worker.store.sinks.published_sinks import PublishedSinks
from tests.support.commands import spent
from tests.support.messages import RETENTION, store_clock
from tests.support.replicated_valkey import Replicated
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

SHOP, CRM = "shop.webhook", "crm.celery"
LEASE = 30.0
ROOT = Path(__file__).parents[3]


def outcome(number: int, at: int = 1_800_000_000_000) -> Outcome:
    return Outcome(f"id-{number}", 5, State.DELIVERED, 1, "200", "status.200", at)


@pytest.fixture
def outbox(redis: StoreRedis) -> OutcomeOutbox:
    return OutcomeOutbox(redis, RETENTION)


def ids(claimed: list[ClaimedOutcome]) -> list[str]:
    return [one.outcome.message_id for one in claimed]


def expire_leases(redis: StoreRedis, sink: str, seconds: float = LEASE) -> None:
    """As if so much time had passed."""
    for member in redis.zrange(KEYS.outcomes(sink), 0, -1):
        redis.zincrby(KEYS.outcomes(sink), -1000 * seconds, member)


def test_outcomes_of_many_sinks_are_claimed_in_one_call_each_with_its_limit(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    outbox.add(SHOP, [outcome(number) for number in range(5)])
    outbox.add(CRM, [outcome(9)])
    outbox.claim([("any.webhook", 1)], LEASE)  # the server knows the script
    before = redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    claimed = outbox.claim([(SHOP, 3), (CRM, 3), ("empty.webhook", 3), ("full.webhook", 0)], LEASE)
    after = redis.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert [(one.sink, one.outcome, one.tries) for one in claimed] == [
        (SHOP, outcome(0), 0),
        (SHOP, outcome(1), 0),
        (SHOP, outcome(2), 0),
        (CRM, outcome(9), 0),
    ]
    assert after - before == 1


def test_what_is_claimed_is_claimed_by_nobody_else_until_its_lease_ends(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    outbox.add(SHOP, [outcome(1), outcome(2)])
    assert ids(outbox.claim([(SHOP, 1)], LEASE)) == ["id-1"]
    assert ids(outbox.claim([(SHOP, 5)], LEASE)) == ["id-2"]
    assert outbox.claim([(SHOP, 5)], LEASE) == []
    expire_leases(redis, SHOP)
    assert ids(outbox.claim([(SHOP, 5)], LEASE)) == ["id-1", "id-2"]


def test_a_delivery_may_begin_as_long_as_its_lease_outlasts_it(redis: StoreRedis) -> None:
    outbox = OutcomeOutbox(redis, RETENTION, lambda: 100.0)
    outbox.add(SHOP, [outcome(1)])
    [claimed] = outbox.claim([(SHOP, 1)], outcomes.LEASE)
    assert 100.0 < claimed.begin_by < 100.0 + outcomes.LEASE - outcomes.TELLING


def test_what_is_done_is_gone(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    outbox.add(SHOP, [outcome(1), outcome(2)])
    first, second = outbox.claim([(SHOP, 5)], LEASE)
    outbox.done(SHOP, [first])
    outbox.done(SHOP, [])
    assert redis.zrange(KEYS.outcomes(SHOP), 0, -1) == [second.outcome.encode()]


def test_a_failed_try_is_counted_and_due_after_its_delay(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    outbox.add(SHOP, [outcome(1, store_clock(redis))])
    for tries in range(12):
        [claimed] = outbox.claim([(SHOP, 5)], LEASE)
        assert claimed.tries == tries
        assert outbox.retry(claimed, 5.0)
        assert outbox.claim([(SHOP, 5)], LEASE) == []
        expire_leases(redis, SHOP, 5.0)


def test_a_try_counts_only_when_somebody_says_that_it_failed(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    outbox.add(SHOP, [outcome(1, store_clock(redis))])
    [claimed] = outbox.claim([(SHOP, 1)], LEASE)
    outbox.retry(claimed, 0.0)
    for _ in range(3):  # killed each time
        [claimed] = outbox.claim([(SHOP, 1)], LEASE)
        assert claimed.tries == 1
        expire_leases(redis, SHOP)


def test_a_lease_that_has_ended_changes_nothing_for_who_has_it_now(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    outbox.add(SHOP, [outcome(1, store_clock(redis))])
    [stalled] = outbox.claim([(SHOP, 1)], LEASE)
    expire_leases(redis, SHOP)
    [current] = outbox.claim([(SHOP, 1)], 2 * LEASE)
    assert outbox.retry(stalled, 0.0)
    assert outbox.claim([(SHOP, 1)], LEASE) == []
    outbox.done(SHOP, [current])
    assert outbox.retry(stalled, 0.0)
    assert redis.zcard(KEYS.outcomes(SHOP)) == 0


def test_claims_are_confirmed_that_nobody_has_taken_and_that_last_long_enough(replicated: Replicated) -> None:
    with closing(open_store(replicated.address(), 4)) as redis:
        outbox = OutcomeOutbox(redis, RETENTION)
        outbox.add(SHOP, [outcome(number, store_clock(redis)) for number in range(3)])
        outbox.retry(outbox.claim([(SHOP, 1)], LEASE)[0], 0.0)
        taken, *others = outbox.claim([(SHOP, 5)], LEASE)
        outbox.done(SHOP, [taken])
        assert outbox.confirm([taken, *others], LEASE / 2) == others
        assert outbox.confirm(others, 2 * LEASE) == []
        due = outbox.claim([(SHOP, 5)], LEASE)
        assert {(one.outcome, one.tries) for one in due} == {(one.outcome, one.tries) for one in others}


def test_where_no_replica_is_waited_for_a_claim_needs_no_confirmation(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    outbox.add(SHOP, [outcome(1)])
    claimed = outbox.claim([(SHOP, 1)], LEASE)
    assert spent(redis, lambda: outbox.confirm(claimed))["evalsha"] == 0
    assert outbox.confirm(claimed) == claimed


def backlog(outbox: OutcomeOutbox, redis: StoreRedis, count: int = 200) -> int:
    """Outcomes that have been due for longer and longer, ``id-0`` the longest, for a minute; returns the store's clock."""
    now = store_clock(redis)
    made = [outcome(number, now - 60_000 + number) for number in range(count)]
    outbox.add(SHOP, made)
    redis.zadd(KEYS.outcomes(SHOP), {one.encode(): one.at for one in made})
    return now


def test_what_is_given_back_untried_comes_before_all_that_waits(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    backlog(outbox, redis)
    claimed = outbox.claim([(SHOP, 32)], LEASE)
    outbox.give_back(claimed[8:])
    assert ids(outbox.claim([(SHOP, 32)], LEASE)) == [f"id-{number}" for number in range(8, 40)]


def test_claims_that_last_too_short_to_be_confirmed_come_before_all_that_waits(replicated: Replicated) -> None:
    with closing(open_store(replicated.address(), 4)) as redis:
        outbox = OutcomeOutbox(redis, RETENTION)
        backlog(outbox, redis)
        claimed = outbox.claim([(SHOP, 32)], LEASE)
        assert outbox.confirm(claimed, 2 * LEASE) == []
        assert ids(outbox.claim([(SHOP, 32)], LEASE)) == ids(claimed)


def test_in_a_backlog_half_of_a_claim_is_what_was_tried_before_and_is_due_again(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    backlog(outbox, redis)
    for failed in outbox.claim([(SHOP, 32)], LEASE):
        outbox.retry(failed, 0.0)
    claimed = outbox.claim([(SHOP, 8)], LEASE)
    assert sorted(one.tries for one in claimed) == [0] * 4 + [1] * 4
    assert ids([one for one in claimed if not one.tries]) == ["id-32", "id-33", "id-34", "id-35"]
    assert len(set(ids(claimed))) == 8


def test_in_a_backlog_what_a_killed_process_had_claimed_waits_for_none_of_it(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    backlog(outbox, redis)
    lost = outbox.claim([(SHOP, 8)], 0.0)
    assert set(ids(outbox.claim([(SHOP, 16)], LEASE))) == {*ids(lost), *(f"id-{number}" for number in range(8, 16))}


def test_outcomes_that_fail_again_and_again_do_not_hold_up_the_others(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    backlog(outbox, redis)
    faulty = {f"id-{number}" for number in range(64)}
    tried: set[str] = set()
    for _ in range(600):  # one at a time, as connections become free
        for claimed in outbox.claim([(SHOP, 1)], LEASE):
            tried.add(claimed.outcome.message_id)
            if claimed.outcome.message_id in faulty:
                outbox.retry(claimed, 0.0)
            else:
                outbox.done(SHOP, [claimed])
    assert len(tried) == 200


def test_a_sink_that_fails_is_asked_with_what_has_failed_least(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    """Outcomes that fail every time would keep it at one delivery at a time, and the others waiting."""
    backlog(outbox, redis)
    for failed in outbox.claim([(SHOP, 10)], LEASE):
        outbox.retry(failed, 0.0)
    asked = [outbox.claim([(SHOP, 8)], LEASE, failing={SHOP}) for _ in range(190)]
    assert [[one.tries for one in claimed] for claimed in asked] == [[0]] * 190
    [last] = outbox.claim([(SHOP, 8)], LEASE, failing={SHOP})
    assert last.tries == 1


def test_no_outcome_is_claimed_twice_in_one_call(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    backlog(outbox, redis, 40)
    for failed in outbox.claim([(SHOP, 20)], LEASE):
        outbox.retry(failed, 0.0)
    claimed = outbox.claim([(SHOP, 39)], LEASE)
    assert len(set(ids(claimed))) == 39


def test_a_retry_after_the_retention_drops_the_outcome(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    now = store_clock(redis)
    outbox.add(SHOP, [outcome(1, now), outcome(2, now - int(RETENTION * 1000) + 60_000)])
    for claimed in outbox.claim([(SHOP, 5)], LEASE):
        assert outbox.retry(claimed, 300.0) is (claimed.outcome.message_id == "id-1")
    assert redis.zcard(KEYS.outcomes(SHOP)) == 1


def test_what_is_added_again_is_held_once_and_keeps_its_time(outbox: OutcomeOutbox, redis: StoreRedis) -> None:
    assert outbox.add(SHOP, [outcome(1)]) == 1
    outbox.claim([(SHOP, 1)], LEASE)
    assert outbox.add(SHOP, [outcome(1), outcome(2)]) == 1
    assert outbox.add(SHOP, []) == 0
    assert ids(outbox.claim([(SHOP, 5)], LEASE)) == ["id-2"]


def test_more_than_one_command_takes_can_be_added_and_claimed(outbox: OutcomeOutbox) -> None:
    assert outbox.add(SHOP, [outcome(number) for number in range(2500)]) == 2500
    assert len(outbox.claim([(SHOP, 5000)], LEASE)) == 1000


def test_it_is_known_how_much_waits_and_since_when(outbox: OutcomeOutbox) -> None:
    outbox.add(SHOP, [outcome(number, at=1000 - number) for number in range(300)])
    waiting = outbox.waiting([SHOP, CRM])
    assert waiting[CRM] == Waiting(0, None)
    assert waiting[SHOP].count == 300
    assert waiting[SHOP].oldest == 701
    assert outbox.waiting([]) == {}


def test_what_nobody_claims_is_dropped_after_the_retention_also_of_a_sink_that_no_file_names(
    outbox: OutcomeOutbox, redis: StoreRedis
) -> None:
    published, now = PublishedSinks(redis), store_clock(redis)
    published.publish({"shop": {State.FAILED: SHOP}, "crm": {State.FAILED: CRM}})
    published.publish({"shop": {State.FAILED: SHOP}})
    for sink in (SHOP, CRM):
        outbox.add(sink, [outcome(1)])
        redis.zadd(KEYS.outcomes(sink), {outcome(2).encode(): now - RETENTION * 1000 - 1})
    assert outbox.drop_older() == {SHOP: 1, CRM: 1}
    assert outbox.drop_older() == {}
    assert ids(outbox.claim([(SHOP, 5)], LEASE)) == ["id-1"]


def test_published_sinks_replace_the_ones_before(redis: StoreRedis) -> None:
    published = PublishedSinks(redis)
    published.publish({})
    assert not redis.exists(KEYS.sinks)
    published.publish({"shop": {State.FAILED: SHOP, State.DELIVERED: "shop.celery"}, "quiet": {}})
    assert redis.hgetall(KEYS.sinks) == {"shop": '{"delivered":"celery","failed":"webhook"}'}
    published.publish({"crm.web.hook": {State.FAILED: "crm.web.hook.webhook"}})
    assert redis.hgetall(KEYS.sinks) == {"shop": "{}", "crm.web.hook": '{"failed":"webhook"}'}


def test_a_worker_publishes_its_sinks_once_the_store_answers(redis: StoreRedis) -> None:
    class AwayOnce(PublishedSinks):
        calls = 0

        def publish(self, sinks: object) -> None:
            self.calls += 1
            if self.calls == 1:
                raise StoreUnavailable("away")
            super().publish(sinks)  # type: ignore[arg-type]

    published = AwayOnce(redis)
    relay = SimpleNamespace(published_sinks=published, apps=SimpleNamespace(sinks={"shop": {State.FAILED: SHOP}}))
    worker = SimpleNamespace(app=SimpleNamespace(relay=relay))
    step = PublishSinksStep(worker)
    step.start(worker)
    try:
        eventually(lambda: redis.hget(KEYS.sinks, "shop"), "the sinks are published")
    finally:
        step.stop(worker)
    assert published.calls == 2


def test_a_store_that_is_away_is_said_so(closed_port: int) -> None:
    away = OutcomeOutbox(open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0")), RETENTION)
    calls = (
        lambda: away.claim([(SHOP, 1)], LEASE),
        lambda: away.waiting([SHOP]),
        lambda: away.add(SHOP, [outcome(1)]),
        away.drop_older,
        lambda: away.done(SHOP, [ClaimedOutcome(SHOP, outcome(1), 0, 0, 0.0)]),
        lambda: away.retry(ClaimedOutcome(SHOP, outcome(1), 0, 0, 0.0), 1.0),
    )
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()


def test_two_processes_never_have_the_same_outcome_within_a_lease_and_none_is_lost(
    outbox: OutcomeOutbox, redis: StoreRedis, valkey_url: str
) -> None:
    """Each forgets half of what it claims, as if it were killed; the lease brings it back."""
    count, lease = 600, 0.5
    outbox.add(SHOP, [outcome(number) for number in range(count)])
    command = [sys.executable, "-m", "tests.support.outcome_claimer", valkey_url, SHOP, str(lease), "4"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    claims: dict[str, list[int]] = defaultdict(list)
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            for message_id, until in json.loads(process.stdout.readline()):
                claims[message_id].append(until)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert len(claims) == count
    leases = [sorted(ends) for ends in claims.values()]
    assert all(later - earlier >= lease * 1000 for ends in leases for earlier, later in pairwise(ends))
    assert any(len(ends) > 1 for ends in leases), "some were forgotten"
    expire_leases(redis, SHOP, lease)
    while claimed := outbox.claim([(SHOP, 1000)], LEASE):
        outbox.done(SHOP, claimed)
    assert redis.zcard(KEYS.outcomes(SHOP)) == 0
