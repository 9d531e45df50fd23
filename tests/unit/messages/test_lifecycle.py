import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.cancel import cancelled
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition, Wake
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind
from tests.support.records import HOUR, NOW, POLICY, after, event, queued, wake_at

LEASE = 60_000


def begun(record: Record, now: int = NOW) -> Record:
    return after(record, lifecycle.begin(record, now, LEASE, "me", POLICY), now)


def answered(record: Record, answer: Answer, now: int = NOW) -> Transition | None:
    return lifecycle.answered(record, record.attempt, answer, POLICY, now, 0.5)


def accepted(external_id: str = "e1") -> Answer:
    return Answer(Kind.ANSWERED, "0000", external_id=external_id)


def moved(transition: Transition | None) -> Transition:
    assert transition is not None
    return transition


def test_begin_writes_the_attempt_down_before_anything_is_sent() -> None:
    begin = moved(lifecycle.begin(queued(), NOW, LEASE, "me", POLICY))
    assert (begin.state, begin.attempt, begin.wake, begin.owner) == (State.SUBMITTING, 1, NOW + LEASE, "me")


def test_a_second_wake_up_finds_nothing_to_begin() -> None:
    assert lifecycle.begin(begun(queued()), NOW, LEASE, "other", POLICY) is None


def test_a_message_is_not_begun_before_its_time() -> None:
    waiting = after(queued(), lifecycle.deferred(queued(), NOW, 5000, "rate", POLICY))
    assert lifecycle.begin(waiting, NOW + 4999, LEASE, "me", POLICY) is None
    assert moved(lifecycle.begin(waiting, NOW + 5000, LEASE, "me", POLICY)).state is State.SUBMITTING


def test_a_message_past_its_deadline_is_never_begun() -> None:
    record = queued(expires_in=1000)
    assert moved(lifecycle.begin(record, NOW + 1000, LEASE, "me", POLICY)).state is State.EXPIRED


def test_an_accepted_submit_waits_for_its_report_until_the_deadline() -> None:
    submitted = moved(answered(begun(queued()), accepted()))
    assert (submitted.state, submitted.external_id, submitted.rule) == (State.SUBMITTED, "e1", "submit.0000")
    assert submitted.wake == NOW + 72 * HOUR
    silent = after(begun(queued()), submitted)
    assert moved(lifecycle.woken(silent, POLICY, NOW + 72 * HOUR)).state is State.UNKNOWN


def test_a_refusal_of_the_vendor_ends_the_message() -> None:
    refused = moved(answered(begun(queued()), Answer(Kind.ANSWERED, "i005")))
    assert (refused.state, refused.wake) == (State.FAILED, Wake.NEVER)


def test_an_unknown_code_of_the_vendor_is_a_refusal() -> None:
    assert moved(answered(begun(queued()), Answer(Kind.ANSWERED, "x777"))).state is State.FAILED


def test_an_unknown_code_beside_an_external_id_waits_for_a_report() -> None:
    uncertain = moved(answered(begun(queued()), Answer(Kind.ANSWERED, "x777", external_id="e1")))
    assert (uncertain.state, uncertain.external_id, uncertain.rule) == (State.UNCERTAIN, "e1", "submit.default_with_id")
    assert moved(answered(begun(queued()), Answer(Kind.ANSWERED, "x777", id_withheld=True))).state is State.UNCERTAIN


def test_what_the_vendor_said_goes_with_the_answer() -> None:
    refused = moved(answered(begun(queued()), Answer(Kind.ANSWERED, "i005", message="余额不足")))
    assert (refused.state, refused.message) == (State.FAILED, "余额不足")


def test_an_unreachable_vendor_is_tried_again_with_growing_delays_until_the_message_expires() -> None:
    record, delays, now = queued(expires_in=HOUR), [], NOW
    for _ in range(8):
        record = begun(record, now)
        retry = moved(answered(record, Answer(Kind.UNREACHABLE, "connect_error"), now))
        assert retry.state is State.RETRYING
        assert retry.due is not None
        delays.append(retry.due - now)
        record, now = after(record, retry, now), retry.due
        record = after(record, lifecycle.woken(record, POLICY, now), now)
    assert delays == sorted(delays)
    assert delays[0] < delays[-1] <= 45_000
    assert moved(lifecycle.woken(record, POLICY, NOW + HOUR)).state is State.EXPIRED


@pytest.mark.parametrize("kind", [Kind.THROTTLED, Kind.HALTED])
def test_a_deferral_is_no_attempt(kind: Kind) -> None:
    deferred = moved(answered(begun(queued()), Answer(kind, "T429")))
    assert (deferred.state, deferred.attempt, deferred.publish) == (State.QUEUED, 0, False)
    assert deferred.due is not None
    again = after(begun(queued()), deferred)
    assert moved(lifecycle.begin(again, deferred.due, LEASE, "me", POLICY)).attempt == 1


def test_a_throttled_answer_is_heeded_as_long_as_it_asks() -> None:
    deferred = moved(answered(begun(queued()), Answer(Kind.THROTTLED, "T429", retry_after=120.0)))
    assert deferred.due == NOW + 120_000


def test_who_finds_no_slot_does_not_shorten_a_throttling_that_another_begin_met_since() -> None:
    throttled = after(begun(queued()), answered(begun(queued()), Answer(Kind.THROTTLED, "T429", retry_after=120.0)))
    assert lifecycle.deferred(throttled, NOW + 1000, 5000, "rate", POLICY) is None
    assert moved(lifecycle.deferred(throttled, NOW + 119_000, 5000, "rate", POLICY)).due == NOW + 124_000


def test_the_same_deferral_again_does_not_lengthen_the_timeline() -> None:
    once = after(queued(), lifecycle.deferred(queued(), NOW, 5000, "halted", POLICY))
    again = moved(lifecycle.deferred(once, NOW + 5000, 5000, "halted", POLICY))
    assert again.silent
    assert again.due == NOW + 10_000


@pytest.mark.parametrize("answer", [Answer(Kind.UNCERTAIN, "read_timeout"), Answer(Kind.ANSWERED, "9999")])
def test_an_uncertain_attempt_is_never_submitted_again_at_once(answer: Answer) -> None:
    for lane in Lane:
        uncertain = moved(answered(begun(queued(lane)), answer))
        assert uncertain.state is State.UNCERTAIN
        assert not uncertain.publish
        assert lifecycle.begin(after(begun(queued(lane)), uncertain), NOW, LEASE, "me", POLICY) is None


def test_an_uncertain_code_is_submitted_once_more_after_its_window_and_then_never() -> None:
    record = begun(queued(Lane.OTP))
    record = after(record, answered(record, Answer(Kind.UNCERTAIN, "read_timeout")))
    resend = moved(lifecycle.woken(record, POLICY, NOW + 20_000))
    assert (resend.state, resend.publish, resend.rule) == (State.QUEUED, True, "uncertain.otp")
    record = begun(after(record, resend, NOW + 20_000), NOW + 20_000)
    assert record.attempt == 2
    second = moved(answered(record, Answer(Kind.UNCERTAIN, "read_timeout"), NOW + 20_000))
    assert wake_at(second) >= NOW + 72 * HOUR
    record = after(record, second, NOW + 20_000)
    assert moved(lifecycle.woken(record, POLICY, wake_at(second))).state is State.UNKNOWN


def test_an_uncertain_code_whose_answer_was_recorded_late_has_its_whole_window_from_then() -> None:
    record = begun(queued(Lane.OTP))
    late = NOW + 15_000  # the store was away
    record = after(record, answered(record, Answer(Kind.UNCERTAIN, "read_timeout"), NOW), late)
    waits = moved(lifecycle.woken(record, POLICY, NOW + 20_000))
    assert (waits.state, waits.silent, waits.wake) == (State.UNCERTAIN, True, late + 20_000)
    assert not lifecycle.gives_up_on_reports(record, lifecycle.woken(record, POLICY, NOW + 20_000))
    assert moved(lifecycle.woken(record, POLICY, late + 20_000)).state is State.QUEUED


@pytest.mark.parametrize("lane", [Lane.NOTICE, Lane.MARKETING])
def test_an_uncertain_notice_waits_for_its_report_and_ends_unknown(lane: Lane) -> None:
    record = begun(queued(lane))
    uncertain = moved(answered(record, Answer(Kind.UNCERTAIN, "read_timeout")))
    assert uncertain.wake == NOW + 72 * HOUR
    assert moved(lifecycle.woken(after(record, uncertain), POLICY, NOW + 72 * HOUR)).state is State.UNKNOWN


def test_an_uncertain_code_that_expired_meanwhile_waits_for_its_report_instead() -> None:
    record = begun(queued(Lane.OTP, expires_in=10_000))
    record = after(record, answered(record, Answer(Kind.UNCERTAIN, "read_timeout")))
    waiting = moved(lifecycle.woken(record, POLICY, NOW + 20_000))
    assert (waiting.state, waiting.silent) == (State.UNCERTAIN, True)


def test_a_resend_that_expires_in_the_queue_is_uncertain_and_not_expired() -> None:
    record = begun(queued(Lane.OTP, expires_in=30_000))
    record = after(record, answered(record, Answer(Kind.UNCERTAIN, "read_timeout")))
    record = after(record, lifecycle.woken(record, POLICY, NOW + 20_000), NOW + 20_000)
    late = moved(lifecycle.begin(record, NOW + 30_000, LEASE, "me", POLICY))
    assert late.state is State.UNCERTAIN


def test_a_resend_that_surely_never_left_and_then_expires_is_uncertain_as_its_first_attempt() -> None:
    record = begun(queued(Lane.OTP, expires_in=30_000))
    record = after(record, answered(record, Answer(Kind.UNCERTAIN, "read_timeout")))
    record = begun(after(record, lifecycle.woken(record, POLICY, NOW + 20_000), NOW + 20_000), NOW + 20_000)
    record = after(record, answered(record, Answer(Kind.UNREACHABLE, "connect_error"), NOW + 21_000), NOW + 21_000)
    late = moved(lifecycle.woken(record, POLICY, NOW + 30_000))
    assert (late.state, late.rule, late.wake) == (State.UNCERTAIN, "expired", NOW + 20_000 + 72 * HOUR)
    assert moved(lifecycle.woken(after(record, late, NOW + 30_000), POLICY, wake_at(late))).state is State.UNKNOWN


def test_a_resend_whose_reports_ask_for_a_retry_expires() -> None:
    record = begun(queued(Lane.OTP, expires_in=30_000))
    record = after(record, answered(record, Answer(Kind.UNCERTAIN, "read_timeout")))
    record = begun(after(record, lifecycle.woken(record, POLICY, NOW + 20_000), NOW + 20_000), NOW + 20_000)
    record = after(record, answered(record, accepted(), NOW + 21_000), NOW + 21_000)
    report = reported(record, 2, event(503, NOW + 22_000, attempt=2), POLICY, NOW + 22_000, 0.5)
    record = after(record, report, NOW + 22_000)
    assert moved(lifecycle.woken(record, POLICY, NOW + 30_000)).state is State.EXPIRED


def test_a_lease_that_runs_out_leaves_the_attempt_uncertain() -> None:
    out = moved(lifecycle.woken(begun(queued()), POLICY, NOW + LEASE))
    assert (out.state, out.rule) == (State.UNCERTAIN, "lease ran out")


def test_an_answer_after_the_lease_still_counts() -> None:
    record = after(begun(queued()), lifecycle.woken(begun(queued()), POLICY, NOW + LEASE))
    assert moved(answered(record, accepted())).state is State.SUBMITTED


def test_a_retry_is_queued_when_it_is_due_and_expires_when_it_is_too_late() -> None:
    record = begun(queued(expires_in=HOUR))
    record = after(record, answered(record, Answer(Kind.UNREACHABLE, "connect_error")))
    due = moved(lifecycle.woken(record, POLICY, NOW + 2000))
    assert (due.state, due.publish, due.rule) == (State.QUEUED, True, "retry due")
    assert moved(lifecycle.woken(record, POLICY, NOW + HOUR)).state is State.EXPIRED


def test_only_a_message_that_nobody_submitted_can_be_cancelled() -> None:
    assert moved(cancelled(queued())).state is State.CANCELLED
    assert cancelled(begun(queued())) is None


def test_a_final_message_has_nothing_to_wake_for() -> None:
    record = after(queued(), cancelled(queued()))
    assert lifecycle.woken(record, POLICY, NOW) is None


def test_a_replay_is_another_attempt_that_a_person_asked_for() -> None:
    record = begun(queued())
    failed = after(record, answered(record, Answer(Kind.ANSWERED, "i005")))
    replay = moved(lifecycle.replayed(failed, NOW))
    assert (replay.state, replay.publish, replay.rule) == (State.QUEUED, True, "replay")
    assert begun(after(failed, replay)).attempt == 2


def test_a_replay_respects_the_deadline_and_leaves_others_alone() -> None:
    record = begun(queued(expires_in=HOUR))
    failed = after(record, answered(record, Answer(Kind.ANSWERED, "i005")))
    assert lifecycle.replayed(failed, NOW + HOUR) is None
    assert lifecycle.replayed(record, NOW) is None


def test_retries_are_counted_however_long_the_timeline_was_and_whatever_it_forgot() -> None:
    record, now = queued(), NOW
    for _ in range(200):
        record = begun(record, now)
        record = after(record, answered(record, Answer(Kind.UNREACHABLE, "connect_error"), now), now)
        now = record.due or now
        record = after(record, lifecycle.woken(record, POLICY, now), now)
    assert record.counts["class.unreachable"] == (200, 200)
    assert len(record.timeline) < 70


def test_a_long_halt_is_one_line_of_the_timeline() -> None:
    record, now = queued(), NOW
    for _ in range(50):
        record = after(record, lifecycle.deferred(record, now, 10_000, "halted", POLICY), now)
        now += 10_000
        record = after(record, lifecycle.woken(record, POLICY, now), now)
    assert [line.rule for line in record.timeline] == ["enqueued", "halted"]


def test_only_another_submit_or_the_end_for_want_of_a_report_gives_up_on_reports() -> None:
    def gives_up(record: Record, now: int) -> bool:
        return lifecycle.gives_up_on_reports(record, lifecycle.woken(record, POLICY, now))

    otp, notice = begun(queued(Lane.OTP)), begun(queued())
    lost_otp, lost_notice = (after(one, lifecycle.woken(one, POLICY, NOW + LEASE), NOW) for one in (otp, notice))
    submitted = after(notice, answered(notice, accepted()))
    assert not gives_up(otp, NOW + LEASE)
    assert gives_up(lost_otp, NOW + 2 * LEASE)
    assert not gives_up(lost_notice, NOW + 2 * LEASE)
    assert gives_up(lost_notice, NOW + 72 * HOUR)
    assert not gives_up(submitted, NOW + HOUR)
    assert gives_up(submitted, NOW + 72 * HOUR)
    assert not gives_up(queued(), NOW + 72 * HOUR)


LATE = Answer(Kind.UNREACHABLE, DEADLINE_PASSED)


def test_an_attempt_that_its_deadline_overtook_before_the_submit_expires_and_is_none() -> None:
    record = begun(queued(expires_in=1000))
    late = moved(answered(record, LATE, NOW + 1000))
    assert (late.state, late.attempt, late.line_attempt, late.rule) == (State.EXPIRED, 0, 1, "expired")
    assert (late.code, late.keeps_payload) == (DEADLINE_PASSED, False)


def test_it_does_not_expire_before_its_deadline_however_late_its_worker_thinks_it_is() -> None:
    record = begun(queued(expires_in=1000))
    waits = moved(answered(record, LATE, NOW + 999))
    assert (waits.state, waits.attempt, waits.due, waits.wake) == (State.QUEUED, 0, NOW + 1000, NOW + 1000)
    record = after(record, waits)
    assert lifecycle.begin(record, NOW + 999, LEASE, "me", POLICY) is None
    assert moved(lifecycle.woken(record, POLICY, NOW + 1000)).state is State.EXPIRED


@pytest.mark.parametrize("told_at", [NOW + 29_999, NOW + 30_000])
def test_a_resend_that_its_deadline_overtook_goes_back_to_its_uncertain_attempt(told_at: int) -> None:
    record = begun(queued(Lane.OTP, expires_in=30_000))
    record = after(record, answered(record, Answer(Kind.UNCERTAIN, "read_timeout")))
    record = after(record, lifecycle.woken(record, POLICY, NOW + 20_000), NOW + 20_000)
    record = begun(record, NOW + 20_000)
    record = after(record, answered(record, LATE, told_at), told_at)
    if record.state is State.QUEUED:
        record = after(record, lifecycle.woken(record, POLICY, NOW + 30_000), NOW + 30_000)
    assert (record.state, record.attempt) == (State.UNCERTAIN, 1)
    assert not lifecycle.gives_up_on_reports(record, lifecycle.woken(record, POLICY, NOW + HOUR))
