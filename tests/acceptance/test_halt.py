"""The vendor refuses everything: nothing is submitted and nothing is lost until a person says so."""

from collections.abc import Iterator

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.relay_process import RelayProcess, a_recipient
from tests.support.waiting import eventually


@pytest.fixture
def halted(relay: RelayProcess) -> Iterator[tuple[str, str]]:
    """Recipient and id of the message that showed that the AppCode is wrong."""
    yield relay.scripted({"submits": ["bad_appcode", "200"]}, Lane.NOTICE)
    relay.relay.limiter.resume()


def test_a_halted_vendor_stops_every_lane_until_resume(relay: RelayProcess, halted: tuple[str, str]) -> None:
    to, first = halted
    eventually(lambda: _status(relay)[0].startswith("halted since"), "smsrelay status says halted")
    others = {recipient: relay.send(recipient, lane) for recipient, lane in zip(_recipients(), Lane, strict=True)}
    for message_id in others.values():
        relay.wait(message_id, lambda record: record.timeline[-1].rule == "halted", "put off")
    assert "smsrelay resume" in _status(relay)[0]
    assert "A400AC" in _status(relay)[0]
    for message_id in (first, *others.values()):
        record = relay.record(message_id)
        assert (record.state, record.attempt) == (State.QUEUED, 0)
    assert [len(relay.simulator.submits(recipient)) for recipient in (to, *others)] == [1, 0, 0, 0]

    assert relay.cli("resume").stdout.startswith("resumed\ndeferred by the halt, due from now on at ")
    assert _status(relay)[0] == "submitting"
    for message_id in (first, *others.values()):
        record = relay.wait_final(message_id)
        assert (record.state, record.attempt) == (State.DELIVERED, 1)
    assert [len(relay.simulator.submits(recipient)) for recipient in (to, *others)] == [2, 1, 1, 1]


@pytest.mark.usefixtures("halted")
def test_a_message_that_expires_while_halted_is_never_submitted(relay: RelayProcess) -> None:
    eventually(relay.relay.limiter.halted, "halted")
    to = a_recipient()
    message_id = relay.send(to, expires_in=2)
    record = relay.wait_final(message_id)
    assert (record.state, record.attempt) == (State.EXPIRED, 0)
    relay.relay.limiter.resume()
    relay.wait_state(relay.send(a_recipient()), State.DELIVERED)
    assert relay.simulator.submits(to) == []


def _recipients() -> list[str]:
    return [a_recipient() for _ in Lane]


def _status(relay: RelayProcess) -> list[str]:
    return relay.cli("status").stdout.splitlines()
