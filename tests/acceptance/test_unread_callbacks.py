"""What a real receiver does with callbacks nobody can read, with paths that are none of ours, and with idle connections."""

import gzip
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.state import State
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import open_store
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from tests.support.callback_path import CALLBACK_KEYS, Broker, Receiver
from tests.support.relay_process import RelayProcess
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

PATH = CallbackToken("m0", 1).path(CALLBACK_KEYS)
NUMBER = "13800138000"
FOREIGN = f'{{"result": "DELIVRD", "mobile": "{NUMBER}"}}'.encode()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.process.kill()


@pytest.fixture
def receiver(broker: Broker, tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver(broker.url, tmp_path / "spool", tmp_path / "receiver.log", callback_keep_alive=1)
    receiver.start()
    yield receiver
    receiver.close()


def kept(broker: Broker) -> list[bytes]:
    with open_store(StoreAddress(broker.url)) as client:
        return [one.body for one in reversed(UnreadableCallbacks(client).all())]


def refused(broker: Broker) -> dict[str, str]:
    with open_store(StoreAddress(broker.url)) as client:
        return dict(client.hgetall(KEYS.refused_callbacks))


def test_what_nobody_can_read_is_kept_in_the_store(broker: Broker, receiver: Receiver) -> None:
    assert receiver.post(PATH, FOREIGN).status_code == 200
    assert kept(broker) == [FOREIGN]
    assert broker.reports() == []


def test_during_an_outage_it_is_kept_on_the_disk_among_the_reports_and_survives_a_kill(
    broker: Broker, receiver: Receiver
) -> None:
    broker.process.kill()
    assert receiver.report(1).status_code == 200
    assert receiver.post(PATH, FOREIGN).status_code == 200
    assert receiver.report(2).status_code == 200
    receiver.process.kill()
    receiver.start()
    broker.start()
    eventually(lambda: set(broker.reports()) == {1, 2}, "the reports are drained")
    eventually(lambda: kept(broker) == [FOREIGN], "what nobody could read is, too")
    assert NUMBER not in receiver.log.read_text()


def test_posts_that_are_no_callbacks_are_counted_in_log_and_store(broker: Broker, receiver: Receiver) -> None:
    for _ in range(30):
        assert receiver.post(f"/sms/callback/{NUMBER}", FOREIGN).status_code == 404
    eventually(lambda: refused(broker).get("changed path") == "30", "all are counted")
    lines = [line for line in receiver.log.read_text().splitlines() if '"callback.refused"' in line]
    assert sum(json.loads(line)["count"] for line in lines) == 30
    assert len(lines) <= 4
    assert NUMBER not in receiver.log.read_text()


def test_an_idle_connection_is_closed_when_the_setting_says_so(receiver: Receiver) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=4)  # less than the server's own five seconds
    with closing(connection):
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        assert connection.sock.recv(1) == b""


def test_a_packed_list_of_reports_on_a_path_that_a_proxy_changed_settles_the_message(relay: RelayProcess) -> None:
    to, message_id = relay.scripted({"submits": ["never"]})
    [submit] = eventually(lambda: relay.simulator.submits(to), "the submit")
    reports = [{"external_id": submit.external_id, "status": {"code": code}} for code in (203, 200)]
    answer = relay.simulator.callback(
        submit.callback_url.replace("/callback/", "/sms//callback/") + "/", json.dumps({"code": "0000", "data": reports})
    )
    assert answer == 200
    record = relay.wait_state(message_id, State.DELIVERED)
    assert [line.code for line in record.timeline if line.code] == ["0000", "203", "200"]


def test_reports_in_lists_and_envelopes_settle_messages(relay: RelayProcess) -> None:
    _, delivered = relay.scripted(
        {"submits": [{"reports": [{"code": 203, "shape": "list"}, {"code": 200, "shape": "enveloped"}]}]}
    )
    _, failed = relay.scripted({"submits": [{"reports": [{"code": 504, "shape": "list"}]}]})
    relay.wait_state(delivered, State.DELIVERED)
    line = relay.wait_state(failed, State.FAILED).timeline[-1]
    assert line.at - 60_000 < (line.updated_on or 0) <= line.at  # its compact time was read as one


def test_reports_on_another_submit_change_nothing_until_a_person_vouches_for_them(relay: RelayProcess) -> None:
    sent = [relay.scripted({"submits": ["never"]}) for _ in range(2)]
    submits = [eventually(lambda to=to: relay.simulator.submits(to), "the submit")[0] for to, _ in sent]
    for _, message_id in sent:
        relay.wait_state(message_id, State.SUBMITTED)
    reports = [{"external_id": one.external_id, "code": code} for one, code in zip(submits, (200, 504), strict=True)]
    assert relay.simulator.callback(submits[0].callback_url, json.dumps(reports)) == 200
    listed = relay.cli("dead", "list", "--json").stdout
    [kept_id] = [row["kept_id"] for row in map(json.loads, listed.splitlines()) if sent[0][1] in row.get("reason", "")]
    assert relay.record(sent[0][1]).state is relay.record(sent[1][1]).state is State.SUBMITTED
    assert relay.cli("dead", "replay", kept_id).returncode == 0
    relay.wait_state(sent[0][1], State.DELIVERED)
    relay.wait_state(sent[1][1], State.FAILED)


def test_a_body_that_unpacks_beyond_the_bound_harms_nobody(receiver: Receiver) -> None:
    assert receiver.post(PATH, gzip.compress(b" " * 20_000_000)).status_code == 413
    assert receiver.report(1).status_code == 200
    assert not re.search("Traceback", receiver.log.read_text())
