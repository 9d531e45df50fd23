"""What the store checks in the step that begins an attempt, and what acceptance refuses by the same rules."""

import json
from dataclasses import replace

import pytest

from smsrelay.acceptance import Suppressed, TooMany
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer, Refused
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.checks import LATEST_SUBMIT, Bar, Barred, CapCheck, Checks, FuseCheck
from smsrelay.messages.record import Record
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Change, Reading, Records
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages import attempt_result, lifecycle
from smsrelay_worker.messages.barred import barred
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import ACCEPTED, LEASE, POLICY, changed, job
from tests.support.store_keys import KEYS

ONE_A_MINUTE = CapCheck("minute", 1, 60_000)
FAR = 4_102_444_800_000  # ms; the year 2100


def begun(store: Records, message_id: str, checks: Checks) -> Change:
    """What came of beginning an attempt with these checks."""

    def begin(reading: Reading) -> object:
        with_digests = replace(checks, digests=checks.digests or (reading.record.recipient_hash,))
        return lifecycle.begin(reading.record, reading.now, LEASE, "me", POLICY, with_digests)

    change = store.change(message_id, begin)  # type: ignore[arg-type]
    assert change is not None
    return change


def answered(store: Records, change: Change, answer: Answer) -> None:
    def decide(reading: Reading) -> object:
        moved = attempt_result.answered(reading.record, change.after, answer, POLICY, reading.now, 0.5)
        return moved and attempt_result.counted(moved, answer)

    store.change(change.after.message_id, decide)  # type: ignore[arg-type]


def capped(caps: tuple[CapCheck, ...] = (ONE_A_MINUTE,)) -> Checks:
    return Checks(caps=caps, lasts=max(cap.window for cap in caps))


def record_of(store: Records, message_id: str) -> Record:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record


def counted(redis: StoreRedis, record: Record) -> list[str]:
    return redis.lrange(KEYS.caps(record.recipient_hash), 0, -1)


def test_an_attempt_over_the_cap_does_not_begin_and_changes_nothing(store: Records, door: Enqueuer) -> None:
    first, second = (door.enqueue(job()).message_id for _ in range(2))
    first_begun = begun(store, first, capped())
    refused = begun(store, second, capped())
    assert refused.barred is not None
    assert (refused.barred.bar, refused.barred.name) == (Bar.CAP, "minute")
    assert refused.barred.until == (first_begun.after.begun_at or 0) + LATEST_SUBMIT + 60_000
    assert record_of(store, second) == refused.reading.record


def test_an_answer_tells_that_the_attempt_was_submitted_before_it_and_the_window_begins_there(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    first, second = (door.enqueue(job()).message_id for _ in range(2))
    answered(store, begun(store, first, capped()), ACCEPTED)
    record = record_of(store, first)
    assert counted(redis, record) == [f"{record.timeline[-1].at} n 0000000 default"]
    barred_by = begun(store, second, capped()).barred
    assert barred_by is not None
    assert barred_by.until == record.timeline[-1].at + 60_000


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.HALTED, Kind.REFUSED, Kind.UNREACHABLE])
def test_an_attempt_that_was_certainly_not_executed_is_not_counted(
    store: Records, door: Enqueuer, redis: StoreRedis, kind: Kind
) -> None:
    message_id = door.enqueue(job()).message_id
    answered(store, begun(store, message_id, capped()), Answer(kind, "some"))
    assert counted(redis, record_of(store, message_id)) == []


def test_an_attempt_that_may_have_been_sent_stays_counted(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    change = begun(store, message_id, capped())
    answered(store, change, Answer(Kind.UNCERTAIN, "read_timeout"))
    assert counted(redis, change.after) == [f"{(change.after.begun_at or 0) + LATEST_SUBMIT} n 0000000 default"]


def test_the_last_instant_of_a_submit_is_the_one_at_which_an_attempt_counts_as_stalled() -> None:
    assert Timeouts().stall * 1000 == LATEST_SUBMIT


def test_a_cap_counts_only_what_it_names(store: Records, door: Enqueuer) -> None:
    first, second = (door.enqueue(job(app=app)).message_id for app in ("shop", "bank"))
    begun(store, first, capped())
    for cap in (
        replace(ONE_A_MINUTE, app="bank"),
        replace(ONE_A_MINUTE, lanes="om"),
        replace(ONE_A_MINUTE, templates=("1",)),
    ):
        change = begun(store, door.enqueue(job(app="bank")).message_id, Checks(caps=(cap,), lasts=60_000))
        assert change.barred is None
        answered(store, change, Answer(Kind.REFUSED, "some"))
    assert begun(store, second, capped((replace(ONE_A_MINUTE, app="shop", lanes="n", templates=("0000000",)),))).barred


def test_attempts_that_were_counted_under_an_older_key_count(store: Records, door: Enqueuer) -> None:
    first, second = (door.enqueue(job()).message_id for _ in range(2))
    older = record_of(store, first).recipient_hash
    begun(store, first, capped())
    redigested = replace(capped(), digests=("anotherdiges", older))
    assert begun(store, second, redigested).barred


def test_a_clock_window_counts_from_its_beginning_and_is_free_at_its_end(store: Records, door: Enqueuer) -> None:
    first, second = (door.enqueue(job()).message_id for _ in range(2))
    today = CapCheck("day", 1, 0, since=1, until=FAR)
    begun(store, first, Checks(caps=(today,), lasts=86_400_000))
    refused = begun(store, second, Checks(caps=(today,), lasts=86_400_000))
    assert refused.barred == Barred(Bar.CAP, "day", FAR)
    tomorrow = replace(today, since=FAR, until=FAR + 1)
    assert begun(store, second, Checks(caps=(tomorrow,), lasts=86_400_000)).barred is None


def test_a_window_that_closes_bars_a_begin(store: Records, door: Enqueuer) -> None:
    message_id = door.enqueue(job()).message_id
    assert begun(store, message_id, Checks(closes=1)).barred == Barred(Bar.CLOSED)
    assert begun(store, message_id, Checks(closes=FAR)).barred is None


def test_a_suppressed_number_gets_nothing_and_the_message_is_cancelled(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job(Lane.MARKETING)).message_id
    redis.hset(KEYS.suppressed, f"{record_of(store, message_id).recipient_hash}|app:default", "1|command|")
    refused = begun(store, message_id, Checks(suppressed_by=("*", "app:default")))
    assert refused.barred == Barred(Bar.SUPPRESSED, "app:default")
    changed(store, message_id, lambda reading: barred(reading.record, refused.barred, reading.now, POLICY))  # type: ignore[arg-type]
    record = record_of(store, message_id)
    assert (record.state, record.timeline[-1].rule) == (State.CANCELLED, "suppressed")
    with pytest.raises(Suppressed):
        door.enqueue(job(Lane.MARKETING))
    door.enqueue(job(Lane.NOTICE))


def test_a_fuse_counts_each_message_once_and_bars_the_next(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    first, second = (door.enqueue(job()).message_id for _ in range(2))
    fuse = Checks(fuse=FuseCheck("20260101", "default", "86", 1, FAR))
    for _ in range(2):  # throttled, and begun again
        change = begun(store, first, fuse)
        answered(store, change, Answer(Kind.THROTTLED, "http_429"))
        changed(store, first, lambda reading: replace(lifecycle.put_off(reading.record, reading.now - 1, 0, "again")))
    assert redis.hgetall(KEYS.fuse("20260101")) == {"default/86": "1"}
    refused = begun(store, second, fuse).barred
    assert refused is not None
    assert (refused.bar, refused.until) == (Bar.FUSE, FAR)


def test_a_halted_part_bars_its_messages_and_no_others(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    redis.hset(KEYS.halts, "app:shop", json.dumps({"since": 1, "kind": "halted"}))
    assert begun(store, door.enqueue(job(app="shop")).message_id, Checks()).barred == Barred(Bar.HALTED, "app:shop")
    assert begun(store, door.enqueue(job(app="bank")).message_id, Checks()).barred is None


def test_a_message_is_held_only_while_its_part_is_halted(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    message_id = door.enqueue(job()).message_id
    reading = store.read(message_id)
    assert reading is not None
    held = barred(reading.record, Barred(Bar.HALTED, "lane:notice"), reading.now, POLICY)
    assert held is not None
    assert store.apply(reading.record, held) is None  # resumed in between: it would wait for ever
    redis.hset(KEYS.halts, "lane:notice", json.dumps({"since": 1, "kind": "halted"}))
    assert store.apply(reading.record, held) is not None
    assert redis.smembers(KEYS.held("lane:notice")) == {message_id}
    assert record_of(store, message_id).held == "lane:notice"
    changed(store, message_id, lambda again: cancelled(again.record))
    assert redis.exists(KEYS.held("lane:notice")) == 0
    assert record_of(store, message_id).held is None


def test_a_cancelled_campaign_takes_no_job_and_bars_what_has_not_begun(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    first = door.enqueue(job(campaign="spring")).message_id
    redis.hset(KEYS.halts, "campaign:default/spring", json.dumps({"since": 1, "kind": "cancelled"}))
    assert begun(store, first, Checks()).barred == Barred(Bar.CANCELLED, "campaign:default/spring")
    with pytest.raises(Rejection, match="campaign: was cancelled"):
        door.enqueue(job(campaign="spring"))
    door.enqueue(job(campaign="spring", app="shop"))


def publish(redis: StoreRedis, *caps: list[object]) -> None:
    redis.hset(
        KEYS.limits, mapping={"countries": " 86 ", "countries:shop": " 86 44 ", "otp": json.dumps(caps), "lasts": 86_400_000}
    )


def test_a_code_that_waits_for_its_first_attempt_counts_so_that_the_next_one_is_refused(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    publish(redis, ["minute", 1, 60_000, "o", [], "number"])
    first = door.enqueue(job(Lane.OTP))
    with pytest.raises(TooMany) as refusal:
        door.enqueue(job(Lane.OTP))
    assert (refusal.value.cap, refusal.value.retry_after) == ("minute", 60)
    assert door.enqueue(job(Lane.OTP).model_copy(update={"to": "13900139000"})).new
    [_, code, notice] = door.enqueue_many([job(Lane.OTP, reference="r"), job(Lane.OTP), job()])
    assert isinstance(code, Refused)
    assert (code.problems[0].code, code.retry_after) == ("too_many", 60)
    assert not isinstance(notice, Refused)
    assert begun(store, first.message_id, capped()).barred is None
    assert len(counted(redis, record_of(store, first.message_id))) == 1


def test_a_code_that_ends_before_its_first_attempt_counts_no_more(store: Records, door: Enqueuer, redis: StoreRedis) -> None:
    publish(redis, ["minute", 1, 60_000, "o", [], "number"])
    first = door.enqueue(job(Lane.OTP))
    changed(store, first.message_id, lambda reading: cancelled(reading.record))
    assert counted(redis, record_of(store, first.message_id)) == []
    door.enqueue(job(Lane.OTP))


def test_the_same_reference_is_accepted_again_whatever_the_caps(door: Enqueuer, redis: StoreRedis) -> None:
    publish(redis, ["minute", 1, 60_000, "o", [], "number"])
    first = door.enqueue(job(Lane.OTP, reference="r"))
    again = door.enqueue(job(Lane.OTP, reference="r"))
    assert (again.message_id, again.new) == (first.message_id, False)


def test_a_country_that_the_app_may_not_text_is_refused(door: Enqueuer, redis: StoreRedis) -> None:
    publish(redis)
    abroad = job().model_copy(update={"to": "+447400123456"})
    with pytest.raises(Rejection, match=r"to: is in a country \(\+44\)"):
        door.enqueue(abroad)
    door.enqueue(abroad.model_copy(update={"app": "shop"}))


def test_a_campaign_counts_its_messages_by_state_and_by_the_code_of_failure(
    store: Records, door: Enqueuer, redis: StoreRedis
) -> None:
    first, second = (door.enqueue(job(campaign="spring")).message_id for _ in range(2))
    answered(store, begun(store, first, Checks()), Answer(Kind.ANSWERED, "i005"))
    changed(store, second, lambda reading: cancelled(reading.record))
    counts = {name: int(value) for name, value in redis.hgetall(KEYS.campaign("default/spring")).items() if name != "since"}
    assert {name: value for name, value in counts.items() if value} == {
        "accepted": 2,
        "s:failed": 1,
        "s:cancelled": 1,
        "c:i005": 1,
    }
    assert redis.llen(KEYS.campaign_ids("default/spring")) == 2
