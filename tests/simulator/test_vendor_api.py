"""The vendor when it behaves well."""

import json
import time
from typing import Any

import pytest

from tests.support.simulator_rig import RECIPIENT, scripted
from tests.support.waiting import eventually


def test_an_accepted_submit_is_answered_as_the_vendor_does_and_reported_delivered(client, simulator, receiver):
    answer = client.send()
    assert answer.status_code == 200
    assert answer.headers["X-Ca-Request-Id"] == answer.json()["requestId"]
    assert (answer.json()["code"], answer.json()["msg"]) == ("0000", "成功。")
    assert len(answer.json()["externalId"]) == 32
    eventually(lambda: receiver.posts)
    path, body, _ = receiver.posts[0]
    assert path == "/callback/m1/1/t0ken"
    assert json.loads(body)["external_id"] == answer.json()["externalId"]
    assert json.loads(body)["status"]["description"] == "Delivered to handset"
    [callback] = eventually(simulator.callbacks)
    assert (callback.http, callback.attempt, callback.code, callback.recipient) == (200, 1, 200, RECIPIENT)


def test_a_submit_is_recorded_with_everything_it_said(client, simulator, receiver):
    before = time.time()
    headers = {"Authorization": "APPCODE x", "X-Ca-Nonce": "nonce-1"}
    form = {"mobile": "8613912345678", "templateID": "0012", "templateParamSet": "赵钱, 5", "callbackUrl": receiver.url}
    external_id = client.post("sendmsg", form, headers).json()["externalId"]
    [record] = simulator.submits()
    assert before <= record.at <= time.time()
    assert (record.order, record.operation, record.recipient) == (0, "sendmsg", RECIPIENT)
    assert (record.template, record.parameters, record.nonce) == ("0012", ("赵钱", "5"), "nonce-1")
    assert (record.callback_url, record.outcome, record.external_id) == (receiver.url, "accepted", external_id)


@pytest.mark.parametrize("written", ["1234, 5", "['1234', '5']", '["1234", "5"]', "[1234,5]", "1234,5"])
def test_parameters_are_read_in_every_form_clients_send(client, simulator, written):
    assert client.send(params=written).json()["code"] == "0000"
    assert simulator.submits()[0].parameters == ("1234", "5")


@pytest.mark.parametrize("written", ["%2B8613912345678", "8613912345678", "13912345678"])
def test_mainland_numbers_are_read_in_every_form_clients_send(client, simulator, written):
    headers = {"Authorization": "APPCODE x", "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
    body = f"mobile={written}&templateID=0000000&templateParamSet=1"
    assert client.post("sendmsg", body, headers).json()["code"] == "0000"
    assert simulator.submits(RECIPIENT)


@pytest.mark.parametrize(
    "form",
    [
        {"templateID": "1", "templateParamSet": "1"},
        {"mobile": RECIPIENT, "templateParamSet": "1"},
        {"mobile": RECIPIENT, "templateID": "1"},
        {"mobile": " 8613912345678", "templateID": "1", "templateParamSet": "1"},  # a + that was not escaped
        {"mobile": "+14155550100", "templateID": "1", "templateParamSet": "1"},  # the domestic operation
        {"mobile": "12", "templateID": "1", "templateParamSet": "1"},
    ],
)
def test_an_incomplete_or_wrong_form_is_a_business_error(client, simulator, form):
    assert client.post("sendmsg", form).json()["code"] == "i005"
    assert [record.outcome for record in simulator.submits()] == ["refused"]


def test_the_international_operation_takes_foreign_numbers(client, simulator):
    assert client.send("+14155550100", operation="sendmsgall").json()["code"] == "0000"
    assert simulator.submits("+14155550100")[0].operation == "sendmsgall"


def test_group_messaging_is_one_submit_a_recipient(client, simulator, receiver):
    form = {"mobileSet": "[8613912345678,8613912345679]", "templateID": "1", "templateParamSet": "1"}
    answer = client.post("groupmessaging", form | {"callbackUrl": receiver.url}).json()
    records = simulator.submits()
    assert [record.recipient for record in records] == ["+8613912345678", "+8613912345679"]
    assert answer["externalId"].split(",") == [record.external_id for record in records]
    eventually(lambda: len(receiver.posts) == 2)


def test_the_latest_status_can_be_pulled(client, simulator):
    simulator.script(RECIPIENT, scripted("203+503", "never"))
    first, second = (client.send().json()["externalId"] for _ in range(2))

    def pulled() -> Any:
        return client.post("pullSmsSendStatus", {"externalId": first}).json()["status"]["code"] == 503

    eventually(pulled)
    both = client.post("pullSmsSendStatusSet", {"externalIds": f"{first}, {second}"}).json()["statuses"]
    assert [(one["external_id"], one["status"]["code"]) for one in both] == [(first, 503), (second, 290)]
    assert client.post("pullSmsSendStatus", {"externalId": "0" * 32}).json()["code"] == "i005"
