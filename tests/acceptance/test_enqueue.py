"""What an app is promised when it enqueues: once for a reference, not too early, never too late, and all of a bulk."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from smsrelay import ReferenceTaken
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient, a_reference
from tests.support.shortened_policy import PATIENT, PATIENT_CODE
from tests.support.waiting import eventually

BULK = 300


def test_the_same_reference_sends_once(relay: RelayProcess) -> None:
    to, reference = a_recipient(), a_reference()
    job = SendJob(to=to, template=TEMPLATE, params=["1"], lane=Lane.OTP, app="shop", reference=reference)
    first, second = relay.relay.enqueuer.enqueue(job), relay.relay.enqueuer.enqueue(job)
    relay.wait_state(first.message_id, State.DELIVERED)
    third = relay.relay.enqueuer.enqueue(job)
    assert {first.message_id} == {second.message_id, third.message_id}
    assert [first.new, second.new, third.new] == [True, False, False]
    _, later = relay.scripted({"submits": ["200"]})
    relay.wait_state(later, State.DELIVERED)
    assert len(relay.simulator.submits(to)) == 1


def test_the_same_reference_for_other_content_is_refused(relay: RelayProcess) -> None:
    to, reference = a_recipient(), a_reference()
    message_id = relay.send(to, params=["1"], reference=reference)
    with pytest.raises(ReferenceTaken) as refused:
        relay.send(to, params=["2"], reference=reference)
    assert to not in str(refused.value)
    relay.wait_state(message_id, State.DELIVERED)
    assert [submit.parameters for submit in relay.simulator.submits(to)] == [("1",)]


def test_a_message_is_not_submitted_before_its_time(relay: RelayProcess) -> None:
    not_before = datetime.now(UTC) + timedelta(seconds=5)
    to, message_id = relay.scripted({"submits": ["200"]}, not_before=not_before)
    assert relay.record(message_id).state is State.QUEUED
    relay.wait_state(message_id, State.DELIVERED)
    [submit] = relay.simulator.submits(to)
    assert submit.at >= not_before.timestamp()


def test_a_retry_past_the_deadline_is_not_submitted(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": [str(PATIENT_CODE), "200"]}, expires_in=int(PATIENT) - 1)
    record = relay.wait_final(message_id)
    assert (record.state, record.attempt) == (State.EXPIRED, 1)
    assert len(relay.simulator.submits(to)) == 1


def test_a_bulk_on_three_lanes_is_delivered_whole_and_each_submitted_once(relay: RelayProcess) -> None:
    lanes = {a_recipient(): lane for lane in Lane for _ in range(BULK // 3)}
    jobs = [SendJob(to=to, template=TEMPLATE, params=[a_code()], lane=lane) for to, lane in lanes.items()]
    accepted = relay.relay.enqueuer.enqueue_all(jobs)
    assert [one.lane for one in accepted] == list(lanes.values())
    waiting = {one.message_id for one in accepted}

    def all_delivered() -> bool:
        waiting.difference_update({one for one in waiting if relay.record(one).state is State.DELIVERED})
        return not waiting

    eventually(all_delivered, "the whole bulk is delivered")
    arrivals = Counter(submit.recipient for submit in relay.simulator.submits() if submit.recipient in lanes)
    assert arrivals == Counter(lanes.keys())
