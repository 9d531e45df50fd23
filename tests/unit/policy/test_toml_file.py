"""A policy file is taken whole or refused with every problem, its line and what is allowed."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.policy.model import Action
from smsrelay_worker.policy.toml_file import PolicyError, load_policy, packaged_source, parse_policy
from smsrelay_worker.vendors.base import Kind
from smsrelay_worker.vendors.yisha.documented_codes import GUIDE_CODES

SOURCE = packaged_source()


def refusal(source: str) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse_policy(source, "my.toml")
    return caught.value


def changed(old: str, new: str) -> tuple[str, int]:
    """The packaged file with one change, and the line it is on."""
    assert SOURCE.count(old) >= 1
    return SOURCE.replace(old, new, 1), SOURCE[: SOURCE.index(old)].count("\n") + 1


def without_row(start: str) -> str:
    return re.sub(rf"^{re.escape(start)} *=.*\n", "", SOURCE, flags=re.MULTILINE)


def with_outcome(code: str, outcome: str) -> str:
    return re.sub(rf'^({code} = {{ outcome = )"\w+"', rf'\1"{outcome}"', SOURCE, flags=re.MULTILINE)


WRONG = {
    "version of another format": ("version = 1", "version = 2", "version", "allowed: 1"),
    "true is no number": ("version = 1", "version = true", "version", "allowed: 1"),
    "unknown table": ("[retry]\n", "[retrying]\n", "retrying", "unknown; allowed: version, report"),
    "unknown key of a row": ('text = "Delivered to h', 'txt = "Delivered to h', "status.200.txt", "unknown"),
    "missing key of a row": ('text = "Delivered to h', 'txt = "Delivered to h', "status.200", "text is missing"),
    "suppress as a text": ("suppress = true", 'suppress = "yes"', "status.230.suppress", "true or false"),
    "suppress by an answer": (
        'i005            = { outcome = "failed",',
        'i005            = { outcome = "failed", suppress = true,',
        "submit.i005.suppress",
        "unknown",
    ),
    "unknown key of a backoff": ("jitter = 0.2", "jiter = 0.2", "backoff.soon.jiter", "base_s, factor, cap_s, jitter"),
    "unknown key of report": ("deadline_s = 259200", 'deadline = "72h"', "report.deadline", "allowed: deadline_s"),
    "unknown outcome": ('"in_progress"', '"progress"', "status.203.outcome", "delivered, in_progress, retry"),
    "outcome of another table": ('"in_progress"', '"defer"', "status.203.outcome", "allowed: one of delivered"),
    "delivered code with another outcome": ('"delivered"', '"retry"', "status.200.outcome", "one of delivered"),
    "accepted code with another outcome": ('"submitted"', '"failed"', "submit.0000.outcome", "one of submitted"),
    "class with an outcome of a report": ('"defer"', '"delivered"', "class.throttled.outcome", "one of retry"),
    "perhaps accepted, and sent again": (
        'default_with_id = { outcome = "uncertain"',
        'default_with_id = { outcome = "retry"',
        "submit.default_with_id.outcome",
        "one of uncertain, submitted, failed",
    ),
    "uncertain sent again at once": (
        'uncertain   = { outcome = "uncertain"',
        'uncertain   = { outcome = "retry"',
        "class.uncertain.outcome",
        "one of uncertain",
    ),
    "unknown backoff": ('backoff = "later"', 'backoff = "late"', "status.210.backoff", "soon, later, network"),
    "deferral without backoff": ('backoff = "throttled", ', "", "class.throttled", "backoff is missing"),
    "no retries at all": ("retries = 4", "retries = 0", "status.210.retries", 'from 1 to 1000, or "until_expiry"'),
    "negative retries": ("retries = 4", "retries = -1", "status.210.retries", "from 1 to 1000"),
    "half a retry": ("retries = 4", "retries = 1.5", "status.210.retries", "a whole number"),
    "word for retries": ("retries = 4", 'retries = "ever"', "status.210.retries", '"until_expiry"'),
    "negative delay": ("base_s = 5", "base_s = -5", "backoff.soon.base_s", "a number above 0"),
    "zero delay": ("base_s = 5", "base_s = 0", "backoff.soon.base_s", "a number above 0"),
    "delay in milliseconds": ("cap_s = 3600", "cap_s = 3600000", "backoff.later.cap_s", "up to 2592000"),
    "cap below base": ("cap_s = 60", "cap_s = 4", "backoff.soon.cap_s", "allowed: 5 or more"),
    "infinite cap": ("cap_s = 60", "cap_s = inf", "backoff.soon.cap_s", "up to 2592000"),
    "delay that is no number": ("base_s = 5", "base_s = nan", "backoff.soon.base_s", "a number above 0"),
    "shrinking delays": ("factor = 3", "factor = 0.5", "backoff.soon.factor", "from 1 to 100"),
    "jitter above one": ("jitter = 0.2", "jitter = 20", "backoff.soon.jitter", "from 0 to 1"),
    "negative jitter": ("jitter = 0.2", "jitter = -0.2", "backoff.soon.jitter", "from 0 to 1"),
    "negative deadline": ("deadline_s = 259200", "deadline_s = -1", "report.deadline_s", "above 0"),
    "empty text": ('"Delivered to handset"', '" "', "status.200.text", "not empty"),
    "text of two lines": ('"已送达手机"', '"已\\n送达"', "status.200.zh", "one line"),
    "code no vendor has": ("203 =", '"2 3" =', "status.2 3", "A-Z a-z 0-9"),
    "row that is no table": ('{ outcome = "delivered"', '3 #{ outcome = "delivered"', "status.200", "allowed: a table"),
    "unknown class": ("throttled   =", "throtled   =", "class.throtled", "throttled, halted, refused"),
    "unknown lane": ("notice    =", "notices   =", "uncertain.notices", "otp, notice, marketing"),
    "window as a text": ("window_s = 20", 'window_s = "20s"', "uncertain.otp.window_s", '"report_deadline"'),
    "window past the deadline": ("window_s = 20", "window_s = 259201", "uncertain.otp.window_s", "below 259200"),
    "resend at the deadline": ("resend = false", "resend = true, retries = 1", "uncertain.notice.window_s", "below"),
    "resend without retries": (", retries = 1 }", " }", "uncertain.otp", "retries is missing"),
    "resend for ever": (", retries = 1 }", ', retries = "until_expiry" }', "uncertain.otp.retries", "1 to 1000"),
    "resend as a text": ("resend = true", 'resend = "yes"', "uncertain.otp.resend", "true or false"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused_with_its_line_and_what_is_allowed(case):
    old, new, key, reason = WRONG[case]
    source, line = changed(old, new)
    found = [problem for problem in refusal(source).problems if problem.key == key and reason in problem.reason]
    assert [problem.line for problem in found] == [line]


TWO_PROBLEMS = {
    "unknown table",  # each of these is also a required thing missing
    *("unknown key of a row", "missing key of a row", "unknown key of a backoff", "unknown key of report"),
    *("code no vendor has", "unknown class", "unknown lane"),
}


@pytest.mark.parametrize("case", sorted(WRONG.keys() - TWO_PROBLEMS))
def test_one_mistake_is_reported_once(case):
    old, new, _, _ = WRONG[case]
    assert len(refusal(changed(old, new)[0]).problems) == 1


@pytest.mark.parametrize("code", sorted(GUIDE_CODES))
def test_a_missing_code_of_the_guide_is_named(code):
    (problem,) = refusal(without_row(code)).problems
    assert (problem.key, problem.line) == ("status", SOURCE[: SOURCE.index("\n[status]\n")].count("\n") + 2)
    assert f"no row for {code};" in problem.reason


@pytest.mark.parametrize("name", ["0000", "i005", "9999", "1999", "default_with_id", "default", "throttled", "halted", "refused"])
def test_a_missing_submit_code_or_class_is_named(name):
    source = SOURCE.replace("\nthrottled = { base_s", '\n"throttled" = { base_s').replace("\nhalted    = {", '\n"halted" = {')
    source = re.sub(rf"^{name} *=.*\n", "", source, flags=re.MULTILINE)
    (problem,) = refusal(source).problems
    assert problem.key in {"submit", "class"}
    assert f"no row for {name}; each needs one, copy it from the packaged policy.toml" in problem.reason


@pytest.mark.parametrize("lane", ["otp", "notice", "marketing"])
def test_a_missing_lane_is_named(lane):
    (problem,) = refusal(without_row(lane)).problems
    assert (problem.key, f"no row for {lane};" in problem.reason) == ("uncertain", True)


def test_every_missing_table_is_named_and_not_its_rows_as_well():
    problems = refusal("version = 1\n").problems
    assert [problem.key for problem in problems] == [""] * 6
    assert [problem.reason.split()[0] for problem in problems] == [
        *("report", "backoff", "status", "submit", "class", "uncertain")
    ]


def test_all_problems_come_at_once_in_the_order_of_the_file():
    source = SOURCE.replace("base_s = 5", "base_s = -5").replace('"in_progress"', '"soon"').replace("= 20,", '= "",')
    error = refusal(source)
    assert [problem.key for problem in error.problems] == [
        "backoff.soon.base_s",
        *(f"status.{code}.outcome" for code in (203, 290, 292, 295, 599)),
        "uncertain.otp.window_s",
    ]
    text = str(error)
    assert text.startswith("my.toml is invalid, 7 problems:\n")
    assert all(f"line {problem.line}: {problem.key}: " in text for problem in error.problems)


def test_a_syntax_error_is_refused_with_its_line():
    source, line = changed("factor = 3", "factor = = 3")
    (problem,) = refusal(source).problems
    assert problem.line == line
    assert "not TOML" in problem.reason


def test_a_row_given_twice_is_refused():
    source, line = changed("203 =", "200 =")
    (problem,) = refusal(source).problems
    assert problem.line in (line, line + 1)


def test_a_file_that_ends_too_early_is_refused_at_its_last_line():
    (problem,) = refusal("version = 1\n\n[report").problems
    assert problem.line == 3


@pytest.mark.parametrize("code", sorted(GUIDE_CODES - {"200"}))
def test_one_word_makes_any_code_retried(code):
    rule = parse_policy(with_outcome(code, "retry"), "my.toml").status[code]
    assert rule.action is Action.RETRY
    assert rule.backoff is not None
    assert rule.retries


def test_a_row_suppresses_the_number_only_if_the_message_fails():
    def suppressing(source: str) -> set[str]:
        return {code for code, rule in parse_policy(source, "my.toml").status.items() if rule.suppress}

    assert suppressing(SOURCE) == {"230", "510"}
    assert suppressing(with_outcome("510", "retry")) == {"230"}
    assert suppressing(SOURCE.replace("suppress = true", "suppress = false")) == set()


@pytest.mark.parametrize("code", ["503", "505", "210"])
def test_one_word_stops_the_retries_of_a_code(code):
    rule = parse_policy(with_outcome(code, "failed"), "my.toml").status[code]
    assert (rule.action, rule.retries, rule.backoff) == (Action.FAILED, 0, None)


def test_a_row_that_names_no_retries_needs_the_retry_table():
    source = with_outcome("504", "retry").replace('[retry]\nretries = 3\nbackoff = "soon"\n', "")
    reasons = [(problem.key, problem.reason.split(";")[0]) for problem in refusal(source).problems]
    assert reasons == [
        ("status.504", "retries is missing here and in [retry]"),
        ("status.504", "backoff is missing"),
    ]


def test_a_file_without_the_retry_table_is_accepted_when_no_row_needs_it():
    source = SOURCE.replace('[retry]\nretries = 3\nbackoff = "soon"\n', "")
    assert parse_policy(source, "my.toml") == load_policy(None)


def test_rows_for_further_codes_may_be_added():
    row = '\n[status]\n233 = { outcome = "failed", text = "Blocked", zh = "被拦截" }\n'
    policy = parse_policy(SOURCE.replace("\n[status]\n", row), "my.toml")
    assert policy.status["233"].action is Action.FAILED


def test_problems_have_the_right_line_however_the_row_is_written():
    old = re.search(r"^503 = .*\n", SOURCE, re.MULTILINE)
    assert old is not None
    table = '[status.503]  # a table of its own\ntext = """\n[status.504]\nzh = 3\n"""\n  "zh" = "忙"\noutcome = "never"\n'
    source = SOURCE.replace(old[0], "") + table
    last = source.count("\n")
    assert [(problem.key, problem.line) for problem in refusal(source).problems] == [
        ("status.503.text", last - 5),
        ("status.503.outcome", last),
    ]


def test_a_file_with_windows_line_endings_is_accepted():
    assert parse_policy(SOURCE.replace("\n", "\r\n"), "my.toml") == load_policy(None)


def test_the_policy_cannot_be_changed_after_it_was_loaded():
    policy = load_policy(None)
    with pytest.raises(TypeError):
        policy.status["504"] = policy.status["503"]  # type: ignore[index]


def test_classes_are_looked_up_by_kind():
    assert set(load_policy(None).classes) == set(Kind) - {Kind.ANSWERED}


def test_a_replacement_is_read_from_its_path(tmp_path: Path):
    path = tmp_path / "my.toml"
    path.write_text(SOURCE.replace("base_s = 5", "base_s = 0.1"), "utf-8")
    backoff = load_policy(path).status["503"].backoff
    assert backoff is not None
    assert backoff.base == 0.1


def test_a_path_that_cannot_be_read_is_refused(tmp_path: Path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(PolicyError, match="cannot be read"):
            load_policy(path)


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path):
    path = tmp_path / "my.toml"
    path.write_bytes("version = 1\n# 已送达\n".encode("gb18030"))
    with pytest.raises(PolicyError, match="line 2: not UTF-8"):
        load_policy(path)


VALUES = sorted(set(re.findall(r"(?<== )(?:\d[\d.]*|\"[^\"]*\"|true|false)(?=[ ,\n])", SOURCE)))
others = st.one_of(st.integers().map(str), st.floats().map(str), st.sampled_from(['""', "[]", "{}", "true", "[{}]"]))


@given(st.sampled_from(VALUES), others)
def test_a_value_of_any_type_is_accepted_or_refused_with_line_and_reason(old, new):
    problems = ()
    try:
        parse_policy(SOURCE.replace(f"= {old}", f"= {new}", 1), "my.toml")
    except PolicyError as error:
        problems = error.problems
    assert all(problem.line >= 1 and problem.reason for problem in problems)
