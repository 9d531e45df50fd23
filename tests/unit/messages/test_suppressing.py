"""Suppressing: which reports put a number on which list."""

from dataclasses import replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.suppression import lists_of_sender
from smsrelay.contract.template import Approval, Template
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.messages.suppressing import Suppressing
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.records import NOW, POLICY, after, event, queued

TEMPLATE = Template(id="0000000", body="{0}", signature="云签", status=Approval.APPROVED)
REGISTERED = Suppressing({TEMPLATE.id: TEMPLATE}, "aB3-")
UNREGISTERED = Suppressing({}, "aB3-")


def submitted(lane: Lane = Lane.MARKETING) -> Record:
    record = queued(lane)
    record = after(record, lifecycle.begin(record, NOW, 60_000, "me", POLICY))
    return after(record, lifecycle.answered(record, 1, Answer(Kind.ANSWERED, "0000", external_id="e1"), POLICY, NOW, 0.5))


def moved(record: Record, code: int) -> Transition:
    transition = reported(record, 1, event(code), POLICY, NOW, 0.5)
    assert transition is not None
    return transition


@pytest.mark.parametrize("lane", Lane)
@pytest.mark.parametrize("code", [230, 510])
def test_a_report_that_its_owner_blocks_us_puts_a_number_on_a_list_that_its_sender_respects(code: int, lane: Lane) -> None:
    record = submitted(lane)
    for suppressing, name in ((REGISTERED, "sig:云签"), (UNREGISTERED, "app:default")):
        transition = suppressing.of(record, moved(record, code), POLICY)
        assert (transition.suppress, transition.suppress_key) == (name, "aB3-")
        assert name in lists_of_sender(record.app, TEMPLATE.signature)


@pytest.mark.parametrize("code", [code for code in POLICY.status if code not in {"230", "510"}])
def test_no_other_code_does(code: str) -> None:
    record = submitted()
    transition = moved(record, int(code))
    assert UNREGISTERED.of(record, transition, POLICY) == transition


def test_it_does_so_however_late_it_comes_and_whatever_else_it_changes() -> None:
    record = submitted()
    record = after(record, moved(record, 200))
    late = moved(record, 510)
    assert late.state is record.state
    assert UNREGISTERED.of(record, late, POLICY).suppress == "app:default"


def test_a_test_message_suppresses_nobody() -> None:
    record = replace(submitted(), test=True)
    assert UNREGISTERED.of(record, moved(record, 510), POLICY).suppress is None
