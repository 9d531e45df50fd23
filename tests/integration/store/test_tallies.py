"""What the scripts count, in a real store: once, whatever is repeated, and in bounded labels."""

import json
from collections.abc import Callable

import pytest

from smsrelay.acceptance import TooMany
from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.connection import StoreRedis
from smsrelay.store.inbox import Inbox
from smsrelay.store.records import Records
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.messages.lifecycle import woken
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.messages.report_tally import ReportResult
from smsrelay_worker.messages.task_result import TaskResult
from smsrelay_worker.store.failed_reports import REPORT_TRIES, FailedReports
from smsrelay_worker.store.sinks.outcomes import ClaimedOutcome, OutcomeOutbox
from smsrelay_worker.store.tallies import Tallied, Tallies
from smsrelay_worker.store.undecodable import UndecodableTasks
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import LEASE, NUMBER_KEYS, POLICY, RETENTION, applying, changed, ended, job, recording, store_clock
from tests.support.repeated_scripts import lose_every_first_reply
from tests.support.store_keys import KEYS

SINK = "shop.webhook"
TOKEN = CallbackToken("018f3c2e-7a10-7c5e-9d2b-5a6f7e8d9c0b", 1)


@pytest.fixture(params=["once", "twice"])
def scripts_run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test is the same when each reply is lost at first."""
    if request.param == "twice":
        lose_every_first_reply(monkeypatch)
    return str(request.param)


@pytest.fixture
def tallied(redis: StoreRedis, scripts_run: str) -> Callable[[], Tallied]:
    return Tallies(redis).read


def report(message_id: str, code: str, at: int, updated_on: int = 5, attempt: int = 1) -> StatusEvent:
    return StatusEvent(message_id=message_id, attempt=attempt, code=code, updated_on=updated_on, received_at=at)


def apply(store: Records, redis: StoreRedis, *events: StatusEvent) -> None:
    """As a worker does with what the receiver has recorded."""
    inbox = Inbox(redis)
    inbox.record(events)
    outcomes = [one for one in applying(store, redis).apply_each(events) if isinstance(one, TaskResult)]
    inbox.remove(events, results=[one.counted for one in outcomes])


def test_a_message_is_counted_from_its_acceptance_to_its_delivery(
    tallied: Callable[[], Tallied], door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job(Lane.OTP, app="shop")).message_id
    assert tallied().family("accepted") == {("shop", "otp"): 1}
    answered = ended(store, message_id, "me", Answer(Kind.ANSWERED, "0000", external_id="e1"))
    assert tallied().in_flight()[Lane.OTP] == 1
    assert tallied().histograms("begin_wait")["otp"].count == 1
    recording(store, redis).record(answered)
    assert tallied().in_flight()[Lane.OTP] == 0
    assert tallied().family("submits") == {("yisha", "otp", "answered", "0000"): 1}
    apply(store, redis, report(message_id, "200", store_clock(redis)))
    assert tallied().family("final") == {("otp", "delivered", "200"): 1}
    assert tallied().family("callbacks") == {("applied",): 1}
    assert tallied().histograms("delivery")["otp"].count == 1


def test_what_an_answer_names_is_its_label_only_if_it_is_listed(
    tallied: Callable[[], Tallied], door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    answers = [Answer(Kind.ANSWERED, "made-up"), Answer(Kind.REFUSED, "I400ZZ"), Answer(Kind.UNCERTAIN, "read_timeout")]
    for one in answers:
        recording(store, redis).record(ended(store, door.enqueue(job()).message_id, "me", one))
    assert tallied().family("submits") == {
        ("yisha", "notice", "answered", "other"): 1,
        ("yisha", "notice", "refused", "I400"): 1,
        ("yisha", "notice", "uncertain", "read_timeout"): 1,
    }
    assert set(tallied().family("final")) <= {("notice", "failed", "other"), ("notice", "failed", "I400")}


def test_an_attempt_whose_lease_ran_out_is_a_submit_of_which_nobody_knows(
    tallied: Callable[[], Tallied], door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job()).message_id
    ended(store, message_id, "killed", Answer(Kind.ANSWERED, "0000"))
    changed(store, message_id, lambda reading: woken(reading.record, POLICY, reading.now + LEASE))
    assert tallied().family("submits") == {("yisha", "notice", "unknown", "none"): 1}
    assert tallied().in_flight()[Lane.NOTICE] == 0


def test_a_further_attempt_is_counted_by_its_rule_and_a_final_state_as_often_as_it_is_reached(
    tallied: Callable[[], Tallied], door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job()).message_id
    recording(store, redis).record(ended(store, message_id, "me", Answer(Kind.ANSWERED, "0000", external_id="e1")))
    now = store_clock(redis)
    apply(store, redis, report(message_id, "503", now, 5))
    apply(store, redis, report(message_id, "504", now, 6))
    apply(store, redis, report(message_id, "200", now, 7))
    assert tallied().family("retries") == {("status.503",): 1}
    assert tallied().family("final") == {("notice", "failed", "504"): 1, ("notice", "delivered", "200"): 1}
    assert tallied().family("callbacks") == {("applied",): 3}


def test_a_report_is_a_duplicate_if_it_came_after_it_was_applied_and_counts_once_if_its_worker_was_killed(
    tallied: Callable[[], Tallied], door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job()).message_id
    recording(store, redis).record(ended(store, message_id, "me", Answer(Kind.ANSWERED, "0000", external_id="e1")))
    event = report(message_id, "200", store_clock(redis))
    inbox = Inbox(redis)
    inbox.record([event])
    applying(store, redis).apply_each([event])  # and here its worker is killed
    again = applying(store, redis).apply_each([event])
    inbox.remove([event], results=[one.counted for one in again if isinstance(one, TaskResult)])
    assert tallied().family("callbacks") == {("applied",): 1}
    apply(store, redis, event.model_copy(update={"received_at": store_clock(redis) + 1}))
    apply(store, redis, report(message_id, "504", store_clock(redis), 9))
    apply(store, redis, report(message_id, "777", store_clock(redis), 9))
    apply(store, redis, report("018f3c2e-7a10-7c5e-9d2b-000000000000", "200", store_clock(redis)))
    expected = {ReportResult.APPLIED, ReportResult.DUPLICATE, ReportResult.LATE, ReportResult.UNLISTED, ReportResult.UNMATCHED}
    assert tallied().family("callbacks") == {(result.value,): 1 for result in expected}


def test_test_messages_are_counted_nowhere(
    tallied: Callable[[], Tallied], door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    message_id = door.enqueue(job(), test=True).message_id
    changed(store, message_id, lambda reading: cancelled(reading.record))
    assert tallied().values == {}


def test_of_the_apps_beyond_a_hundred_all_share_one_label(tallied: Callable[[], Tallied], door: Enqueuer) -> None:
    for number in range(102):
        door.enqueue(job(app=f"app-{number}"))
    door.enqueue(job(Lane.OTP, app="app-5"))
    door.enqueue(job(Lane.OTP, app="app-101"))
    accepted = tallied().family("accepted")
    assert (accepted["other", "notice"], accepted["other", "otp"], accepted["app-5", "otp"]) == (2, 1, 1)
    assert len({app for app, _ in accepted}) == 101
    assert sum(accepted.values()) == 104


def test_a_batch_is_counted_in_one_step(tallied: Callable[[], Tallied], door: Enqueuer) -> None:
    list(door.enqueue_many([job(), job(), job(Lane.OTP, app="shop"), job(Lane.MARKETING)]))
    assert tallied().family("accepted") == {
        ("default", "notice"): 2,
        ("shop", "otp"): 1,
        ("default", "marketing"): 1,
    }


def test_a_refused_job_is_counted_once_for_each_time_it_is_asked_for(
    tallied: Callable[[], Tallied], door: Enqueuer, redis: StoreRedis
) -> None:
    redis.hset(KEYS.limits, mapping={"otp": json.dumps([["per-hour", 1, 3600000, "o", [], "number"]]), "lasts": 3600000})
    door.enqueue(job(Lane.OTP))
    for _ in range(2):
        with pytest.raises(TooMany):
            door.enqueue(job(Lane.OTP))
    assert tallied().family("refused") == {("cap",): 2}
    assert tallied().family("capped") == {("per-hour",): 2}
    assert 0 < redis.pttl(KEYS.refused) <= 60_000


def test_what_nobody_can_read_is_kept_and_counted_once(
    tallied: Callable[[], Tallied], redis: StoreRedis, undecodable: UndecodableTasks
) -> None:
    for _ in range(2):  # redelivered
        undecodable.keep("sms.send", "no job", "{}", "one task")
    undecodable.keep("sms.send", "country", "{}", "another", counted="")
    assert len(undecodable.all()) == 2
    assert tallied().family("refused") == {("undecodable",): 1}
    callbacks = UnreadableCallbacks(redis)
    one = UnreadableCallback(TOKEN, 5, "no JSON", b"?", "text/plain")
    for _ in range(2):
        callbacks.keep([one])
    assert tallied().family("callbacks") == {("undecodable",): 1}


def test_a_report_that_fails_every_time_is_counted_when_it_is_kept(tallied: Callable[[], Tallied], redis: StoreRedis) -> None:
    event = report("018f3c2e-7a10-7c5e-9d2b-000000000000", "200", 5)
    Inbox(redis).record([event])
    failed = FailedReports(redis, RETENTION)
    while not failed.count(event, "unexpected"):
        assert REPORT_TRIES > 1
    assert tallied().family("callbacks") == {("failed",): 1}


def test_deliveries_are_counted_by_sink_and_each_outcome_is_taken_once(tallied: Callable[[], Tallied], redis: StoreRedis) -> None:
    outbox = OutcomeOutbox(redis, RETENTION)
    outbox.add(
        SINK, [Outcome(f"id-{number}", 5, State.DELIVERED, 1, "200", "status.200", store_clock(redis)) for number in (1, 2)]
    )
    outbox.add(SINK, [Outcome("id-3", 5, State.DELIVERED, 1, "200", "status.200", 5)])
    outbox.claim([(SINK, 9)], 30.0)
    held = [(Outcome.decode(member), int(until)) for member, until in redis.zrange(KEYS.outcomes(SINK), 0, -1, withscores=True)]
    claimed = {outcome.message_id: ClaimedOutcome(SINK, outcome, 0, until, 0.0) for outcome, until in held}
    outbox.done(SINK, [claimed["id-1"]])
    outbox.done(SINK, [claimed["id-1"]])
    outbox.retry(claimed["id-2"], 1.0)
    outbox.retry(claimed["id-3"], 1.0)
    assert tallied().family("webhooks") == {(SINK, "taken"): 1, (SINK, "failed"): 1, (SINK, "dropped"): 1}


def test_a_store_that_lost_its_last_second_takes_no_count_back() -> None:
    before, lost = Tallied({("final", "otp"): 100, ("x",): 5}), Tallied({("final", "otp"): 98, ("y",): 1})
    assert lost.never_below(before).values == {("final", "otp"): 100, ("x",): 5, ("y",): 1}
    assert Tallied({("final", "otp"): 3}).never_below(before).values == {("final", "otp"): 3}, "another store"


def test_nothing_that_is_counted_tells_of_a_person(
    tallied: Callable[[], Tallied], door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    door.enqueue(job(Lane.OTP, reference="order 4711"))
    fields = json.dumps(redis.hgetall(KEYS.counts))
    assert NUMBER_KEYS.newest.decode() not in fields
    assert not any(one in fields for one in ("13800138000", "4711", "1234"))
