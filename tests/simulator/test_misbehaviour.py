"""Every answer that can be scripted."""

import pytest
import requests

from smsrelay_simulator.scripts.gateway_errors import GATEWAY_ERRORS
from tests.support.simulator_process import running_simulator
from tests.support.simulator_rig import RECIPIENT, Client, scripted
from tests.support.waiting import eventually


@pytest.mark.parametrize("name", sorted(GATEWAY_ERRORS))
def test_every_gateway_error_answers_with_its_headers_and_sends_nothing(client, simulator, name):
    simulator.script(RECIPIENT, scripted({"answer": name}))
    answer, error = client.send(), GATEWAY_ERRORS[name]
    assert answer.status_code == error.http
    assert answer.headers.get("X-Ca-Error-Code", "") == error.code
    assert answer.headers.get("X-Ca-Error-Message", "") == error.message
    assert answer.headers["X-Ca-Request-Id"]
    [record] = simulator.submits()
    assert (record.outcome, record.external_id) == (error.outcome, "")
    assert simulator.stats().reports_pending == 0


@pytest.mark.parametrize(
    ("step", "status", "outcome"),
    [
        ({"answer": "gateway", "code": "throttled_T"}, 429, "throttled"),
        ({"answer": "gateway", "code": "T429XX", "http": 403}, 403, "throttled"),
        ({"answer": "gateway", "http": 403}, 403, "refused"),
        ({"answer": "http", "http": 429, "headers": {"Retry-After": "3"}, "body": "slow"}, 429, "throttled"),
        ({"answer": "http", "http": 503}, 503, "unreachable"),
        ({"answer": "http", "http": 204, "reports": []}, 204, "accepted"),
        ({"answer": "throttled_429", "headers": {"Retry-After": "3"}}, 429, "throttled"),
    ],
)
def test_any_http_answer_can_be_scripted(client, simulator, step, status, outcome):
    simulator.script(RECIPIENT, scripted(step))
    answer = client.send()
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in step.get("headers", {})} == step.get("headers", {})
    assert answer.text == step.get("body", "")
    assert simulator.submits()[0].outcome == outcome


@pytest.mark.parametrize(("code", "outcome"), [("i005", "refused"), ("9999", "uncertain"), ("1999", "uncertain")])
def test_a_vendor_code_is_the_vendors_own_answer(client, simulator, code, outcome):
    simulator.script(RECIPIENT, scripted({"answer": "vendor_code", "code": code}))
    answer = client.send()
    assert (answer.status_code, answer.json()["code"]) == (200, code)
    assert "X-Ca-Error-Code" not in answer.headers
    assert simulator.submits()[0].outcome == outcome


def test_reset_before_ends_the_connection_and_sends_nothing(client, simulator, receiver):
    simulator.script(RECIPIENT, scripted("reset_before", "accept"))
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.send()
    client.send()
    eventually(simulator.callbacks)
    assert [(record.answer, record.outcome) for record in simulator.submits()] == [
        ("reset_before", "reset"),
        ("accept", "accepted"),
    ]
    assert len(receiver.posts) == 1


def test_reset_after_ends_the_connection_and_the_report_still_comes(client, simulator, receiver):
    simulator.script(RECIPIENT, scripted({"answer": "reset_after", "reports": [{"code": 503}]}))
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        client.send()
    eventually(lambda: receiver.codes() == [503])
    assert receiver.bodies()[0]["external_id"] == simulator.submits()[0].external_id


def test_timeout_after_is_silent_and_the_report_still_comes(client, simulator, receiver):
    simulator.script(RECIPIENT, scripted("timeout_after"))
    with pytest.raises(requests.ReadTimeout):
        client.send(timeout=0.3)
    eventually(lambda: receiver.codes() == [200])
    assert simulator.submits()[0].outcome == "accepted"


@pytest.mark.parametrize("answer", ["garbage", "empty"])
def test_a_200_that_does_not_parse_may_still_have_sent(client, simulator, receiver, answer):
    simulator.script(RECIPIENT, scripted(answer))
    response = client.send()
    assert response.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        response.json()
    eventually(lambda: receiver.codes() == [200])


def test_reports_after_an_uncertain_answer_say_that_it_was_sent(client, simulator, receiver):
    simulator.script(RECIPIENT, scripted({"answer": "http_504", "reports": [{"code": 200}]}))
    assert client.send().status_code == 504
    eventually(lambda: receiver.codes() == [200])
    assert simulator.submits()[0].outcome == "accepted"


def test_a_success_may_carry_the_gateways_ok(client, simulator, receiver):
    simulator.script(RECIPIENT, scripted("says_ok+503", "i005+says_ok"))
    answers = [client.send(), client.send()]
    assert [answer.headers["X-Ca-Error-Message"] for answer in answers] == ["OK", "OK"]
    assert [answer.json()["code"] for answer in answers] == ["0000", "i005"]
    eventually(lambda: receiver.codes() == [503])


def test_every_success_may_carry_it_and_no_error_of_the_gateway(http):
    with running_simulator(success_message="OK") as simulator:
        client = Client(http, simulator.url, "")
        assert client.send().headers["X-Ca-Error-Message"] == "OK"
        for step in ("throttled_T", "unreachable_503", "quota_exhausted_old"):
            assert client.send(params=f"sim:{step}").headers.get("X-Ca-Error-Message", "") == GATEWAY_ERRORS[step].message


def test_a_vendor_code_may_come_with_a_text(client, simulator):
    simulator.script(RECIPIENT, scripted({"answer": "vendor_code", "code": "i005", "message": "余额不足"}))
    assert client.send().json()["msg"] == "余额不足"
