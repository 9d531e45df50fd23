import json
from dataclasses import replace

import pytest

from smsrelay.contract.state import State
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.wording import Wording
from tests.support.records import ID, NOW, POLICY, queued

RECORD = replace(queued(), app="shop", reference="order-4711", tags={"campaign": "spring"}, test=False)
OUTCOME = Outcome(ID, 5, State.FAILED, 4, "503", "status.503 used up", NOW + 12_345)
WORDING = Wording(POLICY)


def test_an_event_says_what_became_of_the_message() -> None:
    event = Event.of(RECORD, OUTCOME, WORDING)
    assert event.id == f"msg_{ID}_5"
    assert json.loads(event.body) == {
        "type": "message.failed",
        "timestamp": "2027-01-15T08:00:12.345Z",
        "data": {
            "id": ID,
            "app": "shop",
            "reference": "order-4711",
            "lane": "notice",
            "template": "0000000",
            "state": "failed",
            "code": "503",
            "text": "Carrier rejected – temporary problem; no retries are left",
            "zh": "运营商拒绝（临时问题）；重试次数已用尽",
            "attempts": 4,
            "revision": 5,
            "tags": {"campaign": "spring"},
            "test": False,
        },
    }


def test_a_later_change_of_the_record_changes_no_byte() -> None:
    later = replace(RECORD, state=State.DELIVERED, attempt=9, revision=11, expires_at=0)
    assert Event.of(later, OUTCOME, WORDING).body == Event.of(RECORD, OUTCOME, WORDING).body


def test_an_id_holds_no_full_stop_because_the_signature_separates_with_it() -> None:
    assert "." not in Event.of(RECORD, OUTCOME, WORDING).id
    assert "." not in Event.trial("shop.eu", NOW, "0a1b").id


def test_a_task_gets_the_same_and_the_id() -> None:
    event = Event.of(RECORD, OUTCOME, WORDING)
    assert event.task_argument == {"id": event.id, **json.loads(event.body)}


@pytest.mark.parametrize(
    ("state", "code", "rule", "text"),
    [
        (State.DELIVERED, "200", "status.200", "Delivered to handset"),
        (State.EXPIRED, "", "expired", "The deadline passed before it was submitted"),
        (State.EXPIRED, "deadline_passed", "expired", "The deadline passed before it was submitted"),
        (State.UNKNOWN, "", "no report in time", "No report came before the report deadline"),
        (State.CANCELLED, "", "by the app", "Cancelled before anything was submitted"),
        (State.SUBMITTED, "0000", "submit.0000", "Accepted by the vendor"),
        (State.RETRYING, "http_502", "class.unreachable", "Not connected, certainly not sent"),
        (State.FAILED, "777", "status.777", "status.777"),
    ],
)
def test_every_outcome_has_words(state: State, code: str, rule: str, text: str) -> None:
    outcome = replace(OUTCOME, state=state, code=code, rule=rule)
    found = json.loads(Event.of(RECORD, outcome, WORDING).body)["data"]
    assert (found["text"], found["code"]) == (text, code or None)
    assert found["zh"]


def test_a_test_event_tells_of_no_message() -> None:
    found = Event.trial("shop", NOW, "0a1b").content
    assert found["type"] == "message.test"
    assert found["data"]["test"] is True
    assert "id" not in found["data"]
