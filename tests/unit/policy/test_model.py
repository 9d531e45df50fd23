"""The packaged policy keeps the owner's rule, and a row leads to the decision it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.lanes import Lane
from smsrelay_worker.policy.backoff import Backoff
from smsrelay_worker.policy.model import WAITING, Action, Decision, Rule, decide
from smsrelay_worker.policy.toml_file import load_policy
from smsrelay_worker.vendors.base import Answer, Kind
from smsrelay_worker.vendors.yisha.documented_codes import GUIDE_CODES

POLICY = load_policy(None)
SOON = Backoff("soon", 5, 3, 60, 0.2)

# The vendor's guide, table 状态码, grouped as its texts say.
OUTCOMES = {
    Action.DELIVERED: {"200"},
    Action.IN_PROGRESS: {"203", "290", "292", "295", "599"},
    Action.RETRY: {"210", "503", "505"},
    Action.FAILED: {
        *("207", "211", "220", "221", "222", "229", "230", "231", "234", "237", "238", "286"),
        *("500", "502", "504", "506", "507", "508", "510", "511", "512", "513", "514", "515"),
    },
    Action.UNKNOWN: {"250"},
}

rolls = st.floats(0, 1, exclude_max=True)
counts = st.integers(0, 50)


def row(action: Action, retries: int | None = 0) -> Rule:
    return Rule("status.1", "1", "text", "文", action, retries, SOON if action in WAITING else None)


def test_the_guide_has_thirty_four_codes_and_each_has_one_row():
    assert len(POLICY.status) == 34
    assert set(POLICY.status) == set().union(*OUTCOMES.values()) == GUIDE_CODES


@pytest.mark.parametrize("action", OUTCOMES)
def test_every_code_has_the_outcome_of_its_text(action):
    assert {code for code, rule in POLICY.status.items() if rule.action is action} == OUTCOMES[action]


def test_rows_are_named_by_their_table_and_code():
    assert {rule.name for rule in POLICY.status.values()} == {f"status.{code}" for code in GUIDE_CODES}
    assert POLICY.submit["0000"].name == "submit.0000"
    assert POLICY.classes[Kind.THROTTLED].name == "class.throttled"


@pytest.mark.parametrize("code", ["503", "505"])
def test_a_temporary_error_is_retried_within_seconds_and_then_failed(code):
    rule = POLICY.status[code]
    decisions = [decide(rule, retried, 0.5) for retried in range(4)]
    assert [decision.delay for decision in decisions] == [5, 15, 45, None]
    assert decisions[-1] == Decision(Action.FAILED, f"status.{code}", None, exhausted=True)


def test_a_phone_that_is_off_is_tried_again_minutes_later():
    decision = decide(POLICY.status["210"], 0, 0.0)
    assert decision.action is Action.RETRY
    assert decision.delay is not None
    assert decision.delay >= 60


@pytest.mark.parametrize("code", ["504", "506", "211"])
def test_a_permanent_error_is_never_retried(code):
    assert decide(POLICY.status[code], 0, 0.5) == Decision(Action.FAILED, f"status.{code}", None)


def test_an_unlisted_status_code_has_no_row():
    assert POLICY.for_status("233") is None


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("0000", Action.SUBMITTED),
        ("i005", Action.FAILED),
        ("9999", Action.UNCERTAIN),
        ("1999", Action.UNCERTAIN),
    ],
)
def test_the_vendors_own_code_decides_about_its_answer(code, action):
    rule = POLICY.for_answer(Answer(Kind.ANSWERED, code, external_id="e1"))
    assert (rule.name, rule.action) == (f"submit.{code}", action)


def test_an_unknown_submit_code_is_failed():
    rule = POLICY.for_answer(Answer(Kind.ANSWERED, "0"))
    assert (rule.name, rule.action) == ("submit.default", Action.FAILED)


@pytest.mark.parametrize("answer", [Answer(Kind.ANSWERED, "0", external_id="e1"), Answer(Kind.ANSWERED, "0", id_withheld=True)])
def test_an_unknown_submit_code_beside_an_external_id_may_have_been_accepted(answer):
    rule = POLICY.for_answer(answer)
    assert (rule.name, rule.action) == ("submit.default_with_id", Action.UNCERTAIN)


@pytest.mark.parametrize("code", ["default", "default_with_id"])
def test_a_code_that_is_called_like_a_default_row_has_none_of_its_own(code):
    assert POLICY.for_answer(Answer(Kind.ANSWERED, code)).name == "submit.default"
    assert POLICY.for_answer(Answer(Kind.ANSWERED, code, "e1")).name == "submit.default_with_id"


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (Kind.THROTTLED, Action.DEFER),
        (Kind.HALTED, Action.HALT),
        (Kind.REFUSED, Action.FAILED),
        (Kind.UNREACHABLE, Action.RETRY),
        (Kind.UNCERTAIN, Action.UNCERTAIN),
    ],
)
def test_the_class_decides_when_the_vendor_did_not_answer_whatever_the_code(kind, action):
    rule = POLICY.for_answer(Answer(kind, "0000", external_id="e1"))
    assert (rule.name, rule.action) == (f"class.{kind}", action)


def test_an_unreachable_vendor_is_tried_until_the_message_expires():
    assert decide(POLICY.classes[Kind.UNREACHABLE], 10**6, 0.5).action is Action.RETRY


def test_only_a_verification_code_is_submitted_again_when_the_outcome_is_unknown():
    otp = POLICY.uncertain[Lane.OTP]
    assert (otp.name, otp.window, otp.resend, otp.retries) == ("uncertain.otp", 20, True, 1)
    for lane in (Lane.NOTICE, Lane.MARKETING):
        assert not POLICY.uncertain[lane].resend
        assert POLICY.uncertain[lane].window == POLICY.report_deadline


def test_a_silent_message_ends_after_three_days():
    assert POLICY.report_deadline == 72 * 3600


@pytest.mark.parametrize("action", sorted(WAITING))
def test_a_row_that_waits_cannot_be_built_without_a_backoff(action):
    with pytest.raises(ValueError, match="backoff"):
        Rule("status.1", "1", "text", "文", action, 3)


def test_a_row_that_does_not_wait_cannot_be_built_with_one():
    with pytest.raises(ValueError, match="backoff"):
        Rule("status.1", "1", "text", "文", Action.FAILED, 0, SOON)


def test_a_row_suppresses_a_number_only_if_it_fails_the_message():
    with pytest.raises(ValueError, match="only a code that fails a message"):
        Rule("status.1", "1", "text", "文", Action.UNKNOWN, suppress=True)


@given(st.sampled_from(Action), st.one_of(st.none(), counts), counts, rolls)
def test_a_decision_has_a_delay_exactly_when_it_waits(action, retries, retried, roll):
    decision = decide(row(action, retries), retried, roll)
    assert (decision.delay is not None) == (decision.action in WAITING)
    assert decision.rule == "status.1"


@given(counts, counts, rolls)
def test_a_row_retries_as_often_as_it_says_and_not_once_more(retries, retried, roll):
    decision = decide(row(Action.RETRY, retries), retried, roll)
    assert decision.exhausted == (retried >= retries)
    assert decision.action is (Action.FAILED if decision.exhausted else Action.RETRY)


@given(st.sampled_from([Action.DEFER, Action.HALT]), counts, rolls)
def test_a_deferral_is_never_exhausted(action, deferred, roll):
    decision = decide(row(action), deferred, roll)
    assert (decision.action, decision.exhausted) == (action, False)
