"""The vendor account with AppKey and AppSecret in place of the AppCode: every submit is signed."""

from collections.abc import Iterator

import pytest
import requests

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.relay_process import RelayProcess, running_relay

KEY, SECRET = "203812345", "s3cret-of-the-account"


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    account = {"SMSRELAY_APP_KEY": KEY, "SMSRELAY_APP_SECRET": SECRET, "SMSRELAY_APPCODE": ""}
    options = ("--app-key", KEY, "--app-secret", SECRET)
    with running_relay(tmp_path_factory.mktemp("app-key") / "relay", options, account) as running:
        yield running


def test_this_vendor_turns_unsigned_submits_away(signing: RelayProcess) -> None:
    url, headers = f"{signing.simulator.url}/comms/sms/sendmsg", {"Authorization": "APPCODE simulator"}
    with requests.Session() as session:
        session.trust_env = False
        assert session.post(url, {"mobile": "+8613900000000", "templateID": "1"}, headers=headers, timeout=10).status_code == 403


@pytest.mark.parametrize("lane", list(Lane))
def test_signed_submits_are_accepted_and_delivered(signing: RelayProcess, lane: Lane) -> None:
    to, message_id = signing.scripted({"submits": ["503", "200"]}, lane, params=["a b+c&d=e%", "五分钟"])
    record = signing.wait_final(message_id)
    assert (record.state, record.attempt) == (State.DELIVERED, 2)
    assert [submit.parameters for submit in signing.simulator.submits(to)] == [("a b+c&d=e%", "五分钟")] * 2


def test_a_submit_abroad_is_signed_too(signing: RelayProcess) -> None:
    message_id = signing.send("+447400123456")
    signing.wait_state(message_id, State.DELIVERED)
    [submit] = signing.simulator.submits("+447400123456")
    assert submit.operation == "sendmsgall"
