"""The policy in words: sentences that say what happens and when, and a table of every row."""

import dataclasses

import pytest

from smsrelay_simulator.scripts.gateway_errors import GATEWAY_ERRORS
from smsrelay_worker.attempts.recorder import STALLED
from smsrelay_worker.policy.describe import explain, markdown_table, rows
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.policy.toml_file import load_policy, packaged_source, parse_policy
from smsrelay_worker.vendors.base import DEADLINE_PASSED
from smsrelay_worker.vendors.yisha.code_kinds import kinds_of
from smsrelay_worker.vendors.yisha.documented_codes import GUIDE_CODES
from smsrelay_worker.vendors.yisha.gateway import FAULTS, OTHER_ERROR, RESPONSES

POLICY = load_policy(None)


def with_change(old: str, new: str) -> Policy:
    assert old in packaged_source()
    return parse_policy(packaged_source().replace(old, new, 1), "my.toml")


def test_a_retried_code_is_explained_with_its_delays():
    assert explain(POLICY, "503") == (
        "503 Carrier rejected – temporary problem (运营商拒绝（临时问题）): submitted again up to 3 times, "
        "after about 5 s, 15 s and 45 s (±20 %), unless the message expires first; after that it fails."
    )


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("200", "is delivered; no later report changes that"),
        ("203", "its state does not change. Without a final report within 72 h of the submit it ends as unknown"),
        ("210", "up to 4 times, after about 2 min, 6 min, 18 min and 54 min"),
        ("250", "ends as unknown and is not submitted again"),
        ("504", "fails and is not submitted again; a late 200 still makes it delivered"),
        ("510", "Its number gets no more marketing from this sender; codes and notices still reach it."),
        ("0000", "the vendor accepted the message; its status reports decide"),
        ("i005", "fails and is not submitted again."),
        ("9999", "it is not submitted again at once; a report settles it"),
        ("default", "Any other answer code"),
        ("default_with_id", "the vendor may have the message, so it is not submitted again at once"),
        ("throttled", "after about 1 s, 2 s, 4 s … at most 30 s (±50 %), until it expires; no attempt is counted"),
        ("halted", "all submits stop until somebody fixes the cause. Every job is kept"),
        ("unreachable", "… at most 30 s (±50 %), until the message expires"),
        (
            "uncertain",
            "otp waits 20 s for a report and is then submitted once more, unless it has expired; notice waits 72 h",
        ),
        ("uncertain.marketing", "waits 72 h for a report and then ends as unknown"),
        ("status.503", "submitted again up to 3 times"),
        ("class.throttled", "no attempt is counted"),
    ],
)
def test_every_kind_of_row_says_what_happens(code, says):
    assert says in explain(POLICY, code)


@pytest.mark.parametrize("code", ["999", "", "|", "503 "])
def test_an_unlisted_code_is_explained_for_reports_and_for_answers(code):
    text = explain(POLICY, code)
    assert text.startswith(f"{code} has no row")
    assert "stored and counted, and changes no state" in text
    assert "submit.default: the message fails" in text
    assert "With an external id it is handled by submit.default_with_id: the vendor may have" in text


@pytest.mark.parametrize(
    ("code", "classes"),
    [
        ("http_429", ["throttled"]),
        ("T429ID", ["throttled"]),
        ("B403MQ", ["halted"]),
        ("I400MP", ["refused"]),
        ("http_503", ["unreachable"]),
        ("D503", ["unreachable"]),
        ("D504TO", ["uncertain"]),
        ("D504CO", ["unreachable", "uncertain"]),
        ("quota_exhausted", ["halted"]),
        ("connect_timeout", ["unreachable", "uncertain"]),
        ("connection_reset", ["unreachable", "uncertain"]),
        ("other_error", ["unreachable", "uncertain"]),
        ("unparsable", ["uncertain"]),
    ],
)
def test_a_code_of_the_gateway_or_the_network_is_explained_by_its_class(code, classes):
    lines = [f"{code} belongs to class {explain(POLICY, name)}" for name in classes]
    assert explain(POLICY, code).splitlines() == lines


def test_a_deadline_that_passed_before_the_request_is_explained_without_a_row():
    assert explain(POLICY, DEADLINE_PASSED).endswith("Nothing was sent, and the message expires.")


def test_every_code_that_a_timeline_can_show_without_the_vendor_has_a_class():
    own = {fault.code for fault in FAULTS} | {row.name for row in RESPONSES} - {""} | {STALLED, DEADLINE_PASSED, OTHER_ERROR}
    own |= {error.code for error in GATEWAY_ERRORS.values()} - {""}
    assert {code for code in own if not kinds_of(code)} == set()


def test_a_code_with_rows_in_two_tables_is_explained_for_both():
    policy = with_change("[submit]\n", '[submit]\n503 = { outcome = "failed", text = "Busy", zh = "忙" }\n')
    assert [line.partition(":")[0] for line in explain(policy, "503").splitlines()] == [
        "503 Carrier rejected – temporary problem (运营商拒绝（临时问题）)",
        "503 Busy (忙)",
    ]


def test_equal_delays_are_written_once():
    policy = with_change("soon      = { base_s = 5, factor = 3", "soon      = { base_s = 5, factor = 1")
    assert "up to 3 times, after about 5 s each time (±20 %)" in explain(policy, "503")


def test_a_single_retry_is_worded_as_once():
    policy = with_change("retries = 4", "retries = 1")
    assert "submitted again once, after about 2 min (±20 %), unless" in explain(policy, "210")


def test_many_retries_are_described_by_the_first_delays_and_the_longest():
    policy = with_change("retries = 4", "retries = 9")
    assert "up to 9 times, after about 2 min, 6 min, 18 min … at most 60 min" in explain(policy, "210")


def test_the_explanation_follows_the_table():
    policy = with_change('503 = { outcome = "retry"', '503 = { outcome = "failed"')
    assert "the message fails and is not submitted again" in explain(policy, "503")


def test_the_table_has_a_row_for_everything_in_the_policy():
    codes = [row.code for row in rows(POLICY)]
    assert codes[:34] == sorted(GUIDE_CODES)
    assert codes[34:] == [
        *("submit.0000", "submit.i005", "submit.9999", "submit.1999", "submit.default_with_id", "submit.default"),
        *("class.throttled", "class.halted", "class.refused", "class.unreachable", "class.uncertain"),
    ]


def test_every_name_in_the_table_can_be_explained():
    for row in rows(POLICY):
        assert row.text in explain(POLICY, row.code)


def test_the_markdown_table_has_one_line_a_row():
    lines = markdown_table(POLICY).splitlines()
    assert lines[:2] == ["| code | text | 中文 | outcome | retried |", "|---|---|---|---|---|"]
    assert len(lines) == 2 + len(list(rows(POLICY)))
    assert "| `504` | Carrier rejected – permanent error | 运营商拒绝（永久错误） | failed | no |" in lines
    assert any(line.endswith("| retry | 3×: 5 s, 15 s and 45 s (±20 %) |") for line in lines)
    assert any(line.startswith("| `class.uncertain` |") and "otp 1×: 20 s" in line for line in lines)


def test_a_bar_in_a_text_does_not_break_the_markdown_table():
    status = dict(POLICY.status)
    status["504"] = dataclasses.replace(status["504"], text="never | ever")
    table = markdown_table(dataclasses.replace(POLICY, status=status))
    assert r"| `504` | never \| ever |" in table
