"""Each of the guide's 34 status codes as a real callback in the guide's own shape, and what it must come to."""

import pytest

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from tests.support.guide_report import guide_report
from tests.support.relay_process import RelayProcess

DELIVERED, FAILED, UNKNOWN, IN_PROGRESS, RETRY = "delivered", "failed", "unknown", "in progress", "retry"

# fmt: off
EXPECTED = {
    200: DELIVERED,
    203: IN_PROGRESS, 290: IN_PROGRESS, 292: IN_PROGRESS, 295: IN_PROGRESS, 599: IN_PROGRESS,
    210: RETRY, 503: RETRY, 505: RETRY,
    207: FAILED, 211: FAILED, 220: FAILED, 221: FAILED, 222: FAILED, 229: FAILED, 230: FAILED, 231: FAILED, 234: FAILED,
    237: FAILED, 238: FAILED, 286: FAILED, 500: FAILED, 502: FAILED, 504: FAILED, 506: FAILED, 507: FAILED, 508: FAILED,
    510: FAILED, 511: FAILED, 512: FAILED, 513: FAILED, 514: FAILED, 515: FAILED,
    250: UNKNOWN,
}
# fmt: on
STATES = {DELIVERED: State.DELIVERED, FAILED: State.FAILED, UNKNOWN: State.UNKNOWN, IN_PROGRESS: State.SUBMITTED}


@pytest.mark.parametrize("misprinted", [True, False], ids=["updated on", "updated_on"])
def test_each_code_of_the_guide_comes_to_what_the_policy_says(relay: RelayProcess, misprinted: bool) -> None:
    assert len(EXPECTED) == 34
    sent = {code: relay.scripted({"submits": ["never"]}) for code in EXPECTED}
    for _, message_id in sent.values():
        relay.wait(message_id, lambda record: record.external_id, "the answer is recorded")
    for code, (to, _) in sent.items():
        assert relay.report(to, guide_report(code, misprinted=misprinted)) == 200
    for code, (to, message_id) in sent.items():
        _settled_as(EXPECTED[code], relay, to, message_id, str(code))


def _settled_as(expected: str, relay: RelayProcess, to: str, message_id: str, code: str) -> None:
    def reported(record: Record) -> bool:
        return any(line.code == code and line.updated_on == 1591590009873 for line in record.timeline)

    record = relay.wait(message_id, reported, f"report {code} is applied")
    if expected == RETRY:
        relay.wait(message_id, lambda record: (record.state, record.attempt) == (State.SUBMITTED, 2), f"{code} is tried again")
        assert len(relay.simulator.submits(to)) == 2
        return
    assert (code, record.state) == (code, STATES[expected])
    assert (code, record.attempt, len(relay.simulator.submits(to))) == (code, 1, 1)
