"""What becomes of a record when it is exported."""

from dataclasses import replace

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record, VendorMessage
from smsrelay_worker.exports.row import Row
from smsrelay_worker.exports.version import Version
from tests.support.records import ID, NOW, queued

NUMBER = "+8613912345678"


def failed(**changed: object) -> Record:
    """A message that was refused in a report, of which a second one was noted."""
    lines = (
        Entry(NOW, State.QUEUED, 0, "", "enqueued"),
        Entry(NOW + 10, State.SUBMITTING, 1, "", "begun"),
        Entry(NOW + 20, State.SUBMITTED, 1, "0000", "submit.0000"),
        Entry(NOW + 30, State.FAILED, 1, "504", "status.504", NOW + 29),
        Entry(NOW + 40, State.FAILED, 1, "504", "noted", NOW + 29),
    )
    return replace(queued(), state=State.FAILED, attempt=1, revision=5, timeline=lines, **changed)


def test_the_instants_are_those_of_the_timeline() -> None:
    row = Row.of(failed(), NOW + 99)
    assert (row.accepted_at, row.begun_at, row.ended_at, row.changed_at, row.exported_at) == (
        *(NOW, NOW + 10, NOW + 30, NOW + 40),
        NOW + 99,
    )
    assert row.timeline[3] == {
        **{"at": NOW + 30, "state": "failed", "attempt": 1},
        **{"code": "504", "rule": "status.504", "updated_on": NOW + 29},
    }


def test_what_never_began_has_no_begin_and_no_code() -> None:
    lines = (Entry(NOW, State.QUEUED, 0, "", "enqueued"), Entry(NOW + 5, State.CANCELLED, 0, "", "cancelled"))
    row = Row.of(replace(queued(), state=State.CANCELLED, timeline=lines), NOW)
    assert (row.begun_at, row.code, row.attempts, row.rule) == (None, None, 0, "cancelled")


def test_the_recipient_is_the_records_digest_and_the_number_only_what_is_given() -> None:
    assert (Row.of(failed(), NOW).recipient, Row.of(failed(), NOW).number) == ("r" * 24, None)
    assert Row.of(failed(), NOW, NUMBER).number == NUMBER


def test_a_forgotten_recipient_has_neither() -> None:
    row = Row.of(failed(recipient_hash=""), NOW, NUMBER)
    assert (row.recipient, row.number) == (None, None)


def test_nothing_that_stands_for_a_person_is_in_its_repr() -> None:
    shown = repr(Row.of(failed(reference="order-1"), NOW, NUMBER))
    assert not [one for one in (NUMBER, "r" * 24, "order-1") if one in shown]


def test_the_vendors_words_and_the_tags_are_kept() -> None:
    row = Row.of(failed(vendor_message=VendorMessage(1, "no such template"), tags={"shop": "41"}, test=True), NOW)
    assert (row.vendor_message, row.tags, row.test) == ("no such template", {"shop": "41"}, True)


def test_a_version_is_new_to_whoever_has_nothing_or_an_older_one() -> None:
    version = Row.of(failed(used_at=NOW), NOW).version
    assert version == Version(ID, NOW, 5, NOW + 40, used=True)
    older = [None, (4, NOW + 40, True), (5, NOW + 40, False), (5, NOW + 39, True), (6, NOW + 39, True)]
    assert [version.is_new_to(known) for known in older] == [True] * 5
    assert [version.is_new_to(known) for known in [(5, NOW + 40, True), (6, NOW + 41, True)]] == [False] * 2
