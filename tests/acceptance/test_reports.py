"""Reports that come early, twice, in the wrong order, too late, about nothing known, or from nobody we know."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from tests.support.guide_report import guide_report
from tests.support.relay_process import RelayProcess
from tests.support.shortened_policy import PATIENT_CODE
from tests.support.waiting import eventually

UNLISTED = 999


def test_a_report_that_comes_before_the_answer_is_recorded_counts(relay: RelayProcess) -> None:
    early = {"delay": 4, "reports": [{"code": 200, "before_answer": True}]}
    to, message_id = relay.scripted({"submits": [early]})
    record = relay.wait(
        message_id, lambda record: record.external_id and len(record.timeline) == 4, "report and answer are there"
    )
    assert [line.code for line in record.timeline] == ["", "", "200", "0000"]
    assert (record.state, record.attempt) == (State.DELIVERED, 1)
    assert len(relay.simulator.submits(to)) == 1


def test_a_temporary_code_before_the_answer_leads_to_one_further_attempt(relay: RelayProcess) -> None:
    early = {"delay": 4, "reports": [{"code": 503, "before_answer": True}]}
    to, message_id = relay.scripted({"submits": [early, "200"]})
    record = relay.wait_final(message_id)
    assert (record.state, record.attempt) == (State.DELIVERED, 2)
    assert len(relay.simulator.submits(to)) == 2


def test_a_report_repeated_changes_nothing(relay: RelayProcess) -> None:
    to, message_id = relay.scripted(
        {"submits": [{"reports": [{"code": 503, "repeat": 3}]}, {"reports": [{"code": 200, "repeat": 3}]}]}
    )
    eventually(lambda: len(relay.applied(message_id)) == 6, "six reports are applied")
    record = relay.record(message_id)
    assert (record.state, record.attempt) == (State.DELIVERED, 2)
    assert sorted(relay.applied(message_id)) == ["delivered", *["repetition"] * 4, "retrying"]
    assert [line.code for line in record.timeline if line.code] == ["0000", "503", "0000", "200"]
    assert len(relay.simulator.submits(to)) == 2


def test_progress_reported_after_a_failure_changes_nothing(relay: RelayProcess) -> None:
    late = {"reports": [{"code": 504, "after": 0.1}, {"code": 203, "after": 0.5, "age": 5}]}
    to, message_id = relay.scripted({"submits": [late]})
    record = relay.wait(message_id, lambda record: record.timeline[-1].code == "203", "203 is applied")
    assert record.state is State.FAILED
    assert len(relay.simulator.submits(to)) == 1


def test_an_older_report_never_overrides_a_newer_one(relay: RelayProcess) -> None:
    now = datetime.now(UTC)
    to, message_id = relay.scripted({"submits": ["never"]})
    relay.report(to, guide_report(504, _instant(now)))
    relay.wait_state(message_id, State.FAILED)
    relay.report(to, guide_report(503, _instant(now - timedelta(seconds=10))))
    record = relay.wait(message_id, lambda record: record.timeline[-1].code == "503", "503 is kept")
    assert record.state is State.FAILED
    assert record.due is None
    assert len(relay.simulator.submits(to)) == 1


def test_a_late_200_turns_failed_into_delivered_and_nothing_leaves_delivered(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": ["504"]})
    relay.wait_state(message_id, State.FAILED)
    relay.report(to, guide_report(200))
    relay.wait_state(message_id, State.DELIVERED)
    relay.report(to, guide_report(506, _instant(datetime.now(UTC) + timedelta(hours=1))))
    record = relay.wait(message_id, lambda record: record.timeline[-1].code == "506", "506 is kept")
    assert record.state is State.DELIVERED
    assert len(relay.simulator.submits(to)) == 1


def test_a_late_200_cancels_a_waiting_retry(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": [str(PATIENT_CODE), "200"]})
    relay.wait_state(message_id, State.RETRYING)
    other_to, other = relay.scripted({"submits": [str(PATIENT_CODE), "200"]})
    relay.report(to, guide_report(200))
    record = relay.wait_state(message_id, State.DELIVERED)
    assert record.attempt == 1
    relay.wait_state(other, State.DELIVERED)  # it began to wait later, and its retry has been and gone
    assert len(relay.simulator.submits(other_to)) == 2
    assert len(relay.simulator.submits(to)) == 1
    assert relay.record(message_id).timeline[-1].code == "200"


def test_an_unlisted_code_is_kept_and_counted_and_changes_nothing(relay: RelayProcess) -> None:
    counted = f"unlisted status code {UNLISTED}: 1 reports"
    to, message_id = relay.scripted({"submits": ["never"]})
    submitted = relay.wait_state(message_id, State.SUBMITTED)
    relay.report(to, guide_report(UNLISTED))
    record = relay.wait(message_id, lambda record: record.timeline[-1].code == str(UNLISTED), "999 is kept")
    assert _without_moves(record) == _without_moves(submitted)
    assert counted in relay.cli("status").stdout.splitlines()
    relay.report(to, guide_report(200))
    relay.wait_state(message_id, State.DELIVERED)


def test_a_forged_callback_is_not_found_and_changes_nothing(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": [{"reports": [{"code": 200, "forged": True}]}]})
    [forged] = eventually(lambda: relay.simulator.callbacks(to), "the forged callback was sent")
    assert (forged.forged, forged.http) == (True, 404)
    submitted = relay.wait_state(message_id, State.SUBMITTED)
    assert [line.code for line in submitted.timeline if line.code] == ["0000"]
    relay.report(to, guide_report(504))
    record = relay.wait_final(message_id)
    assert [line.code for line in record.timeline if line.code] == ["0000", "504"]


def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _without_moves(record: Record) -> Record:
    return replace(record, revision=0, timeline=())
