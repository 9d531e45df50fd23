"""What a transition adds to the counts: which series, in which bucket, and nothing for what changes nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry
from smsrelay.messages.tally import BEYOND, BOUNDS, Tally, observed, series
from smsrelay.messages.transition import Transition, Wake
from smsrelay.messages.transition_tally import tally_of
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.begin_wait import due_since
from smsrelay_worker.store.tallies import Tallied
from smsrelay_worker.vendors.labels import code_label
from smsrelay_worker.vendors.yisha.gateway import FAULTS
from tests.support.records import HOUR, NOW, POLICY, after, queued


@given(st.sampled_from(sorted(BOUNDS)), st.lists(st.integers(-5, 10**9), max_size=30))
def test_what_is_observed_is_read_back_with_every_bucket_and_its_sum(name: str, observations: list[int]) -> None:
    fields: dict[str, int] = {}
    for ms in observations:
        encoded = observed(name, "otp", ms).encode()
        for field, by in zip(encoded[::2], encoded[1::2], strict=True):
            fields[str(field)] = fields.get(str(field), 0) + int(by)
    found = Tallied.of(fields).histograms(name)
    if not observations:
        assert found == {}
        return
    histogram = found["otp"]
    assert histogram.sum == sum(max(0, one) for one in observations)
    assert histogram.below == [*(sum(one <= bound for one in observations) for bound in BOUNDS[name]), len(observations)]


def test_series_that_grow_together_share_a_field_and_are_read_apart() -> None:
    tally = Tally((series("left", "otp"), series("submits", "yisha", "otp", "answered", "0000"))).and_(
        observed("submit", "yisha", 70)
    )
    assert tally.encode() == ["left|otp submits|yisha|otp|answered|0000 submit|yisha|100", 1, "submit_ms|yisha", 70]
    read = Tallied.of({"left|otp submits|yisha|otp|answered|0000 submit|yisha|100": 3, "left|otp": 2, "name|app|shop": 1})
    assert read.family("left") == {("otp",): 5}
    assert read.family("name") == {}


def test_a_bucket_beyond_all_bounds_is_the_last() -> None:
    assert observed("submit", "yisha", 10**7).series == (f"submit|yisha|{BEYOND}",)


def test_a_final_state_is_counted_when_it_is_reached_and_not_when_it_is_only_noted() -> None:
    record = replace(queued(Lane.OTP), state=State.SUBMITTED)
    failed = Transition(State.FAILED, 1, Wake.NEVER, 1, rule="status.504", code="504")
    assert tally_of(record, failed).series == ("final|otp|failed|504",)
    assert tally_of(replace(record, state=State.FAILED), replace(failed, wake=Wake.KEEP)).series == ()
    assert tally_of(record, replace(failed, tally=Tally(code="other"))).series == ("final|otp|failed|other",)
    assert tally_of(record, replace(failed, code="")).series == ("final|otp|failed|none",)


def test_neither_a_silent_change_nor_a_test_message_is_counted() -> None:
    begun = lifecycle.begin(queued(), NOW, 1000, "me", POLICY)
    assert begun is not None
    assert tally_of(queued(), begun).series == ("begun|notice", "begin_wait|notice|100")
    assert tally_of(replace(queued(), test=True), begun).series == ()
    assert tally_of(queued(), replace(begun, silent=True)).series == ()


def test_a_deferral_by_a_cap_is_counted_by_its_name() -> None:
    deferred = lifecycle.put_off(queued(), NOW + HOUR, 0, "cap per-day")
    assert tally_of(queued(), deferred).series == ("capped|per-day",)


def test_a_message_has_been_due_since_it_was_accepted_although_it_was_put_off_for_want_of_a_slot() -> None:
    record = after(queued(), lifecycle.deferred(queued(), NOW, 5000, "rate", POLICY), NOW + 100)
    assert due_since(record) == NOW


@pytest.mark.parametrize("rule", ["halted", "cap per-day", "window night", "fuse", "class.throttled"])
def test_what_a_deferral_had_kept_has_been_due_since_its_end_or_nobody_knows(rule: str) -> None:
    line = Entry(NOW, State.QUEUED, 0, "", rule)
    record = replace(queued(), timeline=(*queued().timeline, line))
    assert due_since(replace(record, due=NOW + HOUR)) == NOW + HOUR
    assert due_since(record) is None


@pytest.mark.parametrize("rule", ["retry due", "due", "uncertain.otp", "replay"])
def test_a_further_attempt_has_been_due_since_its_line(rule: str) -> None:
    record = replace(queued(), timeline=(*queued().timeline, Entry(NOW + HOUR, State.QUEUED, 1, "", rule)))
    assert due_since(record) == NOW + HOUR


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,24}", fullmatch=True))
def test_labels_of_codes_are_bounded(code: str) -> None:
    label = code_label(code)
    assert label in {code, code[:4], "other"}
    assert len({label, "other"}) == 1 or len(label) == 4 or label.startswith("http_") or label in code


def test_every_fault_that_we_name_is_its_own_label() -> None:
    assert {code_label(fault.code) for fault in FAULTS} == {fault.code for fault in FAULTS}
    assert code_label("D504CO") == "D504"
    assert (code_label("http_502"), code_label("Z999"), code_label("13800138000")) == ("http_502", "other", "other")
