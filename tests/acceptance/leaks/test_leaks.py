"""No number, no code and no key stands anywhere but in a message's own record, and in a foreign job while it is queued."""

import re

import pytest

from tests.acceptance.leaks import scenes
from tests.acceptance.leaks.conftest import Seen
from tests.acceptance.leaks.needles import nothing
from tests.acceptance.leaks.places import but, only
from tests.acceptance.leaks.play import HOSTILE_ROLES

# The message's own record: its payload. And the app's reference, which is its own word, there and in what it is told.
_RECORD = ("key {sms}:p:", "reference of ")
# A refused foreign job is kept whole for a person to look at; docs/wire-contract.md says where.
_KEPT = ("key {sms}:undecodable",)
# A foreign job on its way: its queue, then the broker's note of who has it.
_QUEUED = ("key sms.otp", "key sms.notice", "key sms.marketing", "key sms.status", "key unacked")


def test_the_search_finds_a_number_where_one_is_kept(seen: Seen) -> None:
    waiting = seen.cast.message_ids["waiting"]
    payload = {str(finding) for finding in seen.of("waiting", only(seen.ended, f"key {{sms}}:p:{waiting}"))}
    assert payload == {f"key {{sms}}:p:{waiting}: {part} of waiting" for part in ("number", "word", "code")}
    assert seen.of("waiting", only(seen.ended, f"reference of {{sms}}:m:{waiting}"))
    assert seen.of("cut off", only(seen.ended, "key {sms}:undecodable"))


def test_the_search_reads_a_foreign_job_in_the_brokers_base64(seen: Seen) -> None:
    unacked = only(seen.running, "key unacked #")
    assert any(seen.of(role, unacked) for role in seen.cast.people if role.startswith("foreign slow"))


@pytest.mark.parametrize(
    "beginning",
    [
        *("file worker.log", "file verbose.log", "file receiver.log", "event task-received", "event task-succeeded"),
        *("Flower /api/tasks", "Flower /api/task/info/", "Flower /task/", "Flower /tasks/datatable", "key {sms}:events"),
    ],
)
def test_the_places_show_the_messages_that_nothing_may_leak_of(seen: Seen, beginning: str) -> None:
    text = " ".join(only(seen.places, beginning).values())
    assert sum(message_id in text for message_id in seen.cast.message_ids.values()) > 5


@pytest.mark.parametrize(
    "beginning", ["file worker.log", "key {sms}:m:", "smsrelay dead list", "smsrelay show, ", "smsrelay why, "]
)
def test_why_the_vendor_refused_is_shown_with_none_of_what_it_quoted(seen: Seen, beginning: str) -> None:
    places = {place: text for place, text in seen.places.items() if place.startswith(beginning) and scenes.REASON in text}
    assert places
    nothing(seen.findings(places, *HOSTILE_ROLES))


def test_nothing_leaks_while_tasks_run(seen: Seen) -> None:
    nothing(seen.findings(but(seen.running, (*_RECORD, *_KEPT, *_QUEUED)), *HOSTILE_ROLES))


def test_nothing_leaks_into_files_and_events(seen: Seen) -> None:
    nothing(seen.findings({**only(seen.ended, "file "), **seen.heard.places}, *HOSTILE_ROLES))


def test_nothing_leaks_into_flower_and_remote_control(seen: Seen) -> None:
    nothing(seen.findings(only(seen.ended, "Flower ", "inspect "), *HOSTILE_ROLES))


def test_nothing_is_left_in_the_store_but_records_and_kept_jobs(seen: Seen) -> None:
    nothing(seen.findings(but(only(seen.ended, "key "), (*_RECORD, *_KEPT)), *HOSTILE_ROLES))


def test_a_message_that_is_delivered_leaves_only_its_reference(seen: Seen) -> None:
    left = [finding for role in ("normal", "abroad", "retried", "foreign args") for finding in seen.of(role, seen.ended)]
    assert {finding.place.partition(":")[0] for finding in left} == {"reference of {sms}"}


def test_keys_and_tokens_stand_nowhere_at_all(seen: Seen) -> None:
    keys = [finding for finding in seen.findings(seen.places) if not re.match("(number|word|code) of ", finding.needle)]
    nothing(keys)


def test_refusals_of_the_queue_name_the_field_and_no_value(seen: Seen) -> None:
    kept = only(seen.ended, "key {sms}:undecodable")["key {sms}:undecodable"]
    reasons = dict.fromkeys(re.findall(r'\\"reason\\": \\"(.*?)\\", \\"body', kept), "")
    assert len(reasons) > 5
    nothing(seen.findings({f"reason {reason}": reason for reason in reasons}, *HOSTILE_ROLES))


@pytest.mark.parametrize("role", HOSTILE_ROLES)
def test_an_identifier_that_holds_a_number_is_not_shown(seen: Seen, role: str) -> None:
    nothing(seen.of(role, but(seen.places, (*_RECORD, *_KEPT, *_QUEUED))))
