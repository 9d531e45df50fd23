"""Every path a message can take, from enqueue to its final state, by what the vendor does."""

from dataclasses import dataclass
from typing import Any

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from tests.support.relay_process import RelayProcess

NEVER: list[str] = []


@dataclass(frozen=True, slots=True)
class Path:
    """``submits``: what the vendor plays; then what must come of it, ``arrivals`` counted at the vendor."""

    title: str
    submits: tuple[Any, ...]
    state: State
    attempts: int
    arrivals: int
    codes: tuple[str, ...]
    lane: Lane = Lane.OTP


# fmt: off
PATHS = (
    Path("200", ("200",), State.DELIVERED, 1, 1, ("0000", "200")),
    Path("203 then 200", ("203+200",), State.DELIVERED, 1, 1, ("0000", "203", "200"), Lane.NOTICE),
    Path("503 then 200", ("503", "200"), State.DELIVERED, 2, 2, ("0000", "503", "0000", "200")),
    Path("505 then 200", ("505", "200"), State.DELIVERED, 2, 2, ("0000", "505", "0000", "200"), Lane.NOTICE),
    Path("210 then 200", ("210", "200"), State.DELIVERED, 2, 2, ("0000", "210", "0000", "200"), Lane.MARKETING),
    Path("504", ("504",), State.FAILED, 1, 1, ("0000", "504"), Lane.NOTICE),
    Path("506", ("506",), State.FAILED, 1, 1, ("0000", "506")),
    Path("211", ("211",), State.FAILED, 1, 1, ("0000", "211"), Lane.MARKETING),
    Path("vendor refuses", ("i005",), State.FAILED, 1, 1, ("i005",), Lane.NOTICE),
    Path("throttled then accepted", ("throttled_429", "200"), State.DELIVERED, 1, 2, ("http_429", "0000", "200")),
    Path("unreachable then accepted", ("unreachable_503", "200"), State.DELIVERED, 2, 2, ("http_503", "0000", "200")),
    Path("503 for ever", ("503",), State.FAILED, 4, 4, ("0000", "503") * 4),
)
# fmt: on


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.title)
def test_a_message_takes_its_path_to_the_end(relay: RelayProcess, path: Path) -> None:
    to, message_id = relay.scripted({"submits": list(path.submits)}, path.lane)
    record = relay.wait_final(message_id)
    assert (record.state, record.attempt) == (path.state, path.attempts)
    assert _codes(record) == path.codes
    assert len(relay.simulator.submits(to)) == path.arrivals


def test_the_number_and_parameters_arrive_as_they_were_given(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": ["200"]}, params=["012345", "五分钟"])
    relay.wait_final(message_id)
    [submit] = relay.simulator.submits(to)
    assert (submit.recipient, submit.template, submit.parameters) == (to, "0000000", ("012345", "五分钟"))


def test_a_code_that_stays_temporary_uses_up_its_retries(relay: RelayProcess) -> None:
    _, message_id = relay.scripted({"submits": ["210"]})
    last = relay.wait_final(message_id).timeline[-1]
    assert (last.state, last.attempt, last.rule) == (State.FAILED, 5, "status.210 used up")


def test_a_submit_whose_answer_never_came_is_settled_by_its_report(relay: RelayProcess) -> None:
    late = {"answer": "timeout_after", "delay": 20, "reports": [{"code": 200, "after": 9}]}  # the worker reads for 6 s
    to, message_id = relay.scripted({"submits": [late]})
    record = relay.wait_final(message_id)
    assert [line.state for line in record.timeline] == [State.QUEUED, State.SUBMITTING, State.UNCERTAIN, State.DELIVERED]
    assert len(relay.simulator.submits(to)) == 1


def test_an_uncertain_otp_is_submitted_once_more_and_an_uncertain_notice_never(relay: RelayProcess) -> None:
    lost = {"answer": "reset_after", "reports": NEVER}
    notice_to, notice = relay.scripted({"submits": [lost]}, Lane.NOTICE)
    marketing_to, marketing = relay.scripted({"submits": [lost]}, Lane.MARKETING)
    for message_id in (notice, marketing):
        relay.wait_state(message_id, State.UNCERTAIN)
    otp_to, otp = relay.scripted({"submits": [lost, "200"]})
    record = relay.wait_final(otp)
    assert (record.state, record.attempt) == (State.DELIVERED, 2)
    assert "uncertain.otp" in [line.rule for line in record.timeline]
    assert len(relay.simulator.submits(otp_to)) == 2
    for to, message_id in ((notice_to, notice), (marketing_to, marketing)):
        assert relay.record(message_id).state is State.UNCERTAIN
        assert len(relay.simulator.submits(to)) == 1


def test_an_otp_that_stays_uncertain_is_submitted_twice_and_no_more(relay: RelayProcess) -> None:
    lost = {"answer": "reset_after", "reports": NEVER}
    to, message_id = relay.scripted({"submits": [lost]})

    def uncertain_again(record: Record) -> bool:
        return record.state is State.UNCERTAIN and record.attempt == 2

    relay.wait(message_id, uncertain_again, "uncertain a second time")
    # Another one's whole window passes after ours has begun a second time.
    _, other = relay.scripted({"submits": [lost, "200"]})
    relay.wait_state(other, State.DELIVERED)
    assert relay.record(message_id).state is State.UNCERTAIN
    assert len(relay.simulator.submits(to)) == 2


def _codes(record: Record) -> tuple[str, ...]:
    return tuple(line.code for line in record.timeline if line.code)
