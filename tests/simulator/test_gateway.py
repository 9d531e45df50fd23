"""What the gateway checks: AppCode, signature, nonce."""

import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from smsrelay_simulator.vendor_api.signature import signature, string_to_sign
from tests.support.simulator_client import Simulator
from tests.support.simulator_process import running_simulator
from tests.support.simulator_rig import RECIPIENT, Client

SECRET = "a-secret-of-the-test"
FORM = {"mobile": RECIPIENT, "templateID": "0000000", "templateParamSet": "1"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "APPCODE "}, {"Authorization": "Bearer x"}])
def test_without_an_appcode_the_gateway_answers(client, simulator, headers):
    answer = client.post("sendmsg", FORM, headers)
    assert (answer.status_code, answer.headers["X-Ca-Error-Message"]) == (403, "Unauthorized")
    assert answer.headers["X-Ca-Error-Code"]
    assert answer.headers["X-Ca-Request-Id"]
    assert simulator.submits()[0].outcome == "halted"


def test_a_nonce_works_once(client, simulator):
    headers = {"Authorization": "APPCODE x", "X-Ca-Nonce": str(uuid.uuid4())}
    assert client.post("sendmsg", FORM, headers).status_code == 200
    again = client.post("sendmsg", FORM, headers)
    assert (again.status_code, again.headers["X-Ca-Error-Message"]) == (403, "Nonce Used")
    assert [record.outcome for record in simulator.submits()] == ["accepted", "refused"]


@pytest.fixture(scope="module")
def keyed() -> Iterator[Simulator]:
    with running_simulator(app_key="key", app_secret=SECRET, report_delay=0) as simulator:
        yield simulator


def signed(form: dict[str, str], path: str = "/comms/sms/sendmsg", spelling: Callable[[str], str] = str.lower):
    ours = {
        "X-Ca-Key": "key",
        "X-Ca-Nonce": str(uuid.uuid4()),
        "X-Ca-Timestamp": str(int(time.time() * 1000)),
    }
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Ca-Signature-Headers": ",".join(sorted(spelling(name) for name in ours)),
    } | ours
    lowered = {name.lower(): value for name, value in headers.items()}
    return headers | {"X-Ca-Signature": signature(SECRET, string_to_sign("POST", path, lowered, form))}


def test_the_string_to_sign_is_the_documented_one():
    headers = {
        "accept": "application/json",
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        "x-ca-key": "k",
        "x-ca-nonce": "n",
        "x-ca-signature-headers": "x-ca-nonce,x-ca-key",
    }
    assert string_to_sign("POST", "/p", headers, {"b": "2 ,3", "a": "", "c": "+86"}) == (
        "POST\napplication/json\n\napplication/x-www-form-urlencoded; charset=UTF-8\n\n"
        "x-ca-key:k\nx-ca-nonce:n\n/p?a&b=2 ,3&c=+86"
    )


@pytest.mark.parametrize("spelling", [str.lower, str.title])
def test_a_signed_request_is_let_through(keyed, http, spelling):
    form = {"mobile": RECIPIENT, "templateID": "0000000", "templateParamSet": "一, 2", "callbackUrl": ""}
    answer = Client(http, keyed.url, "").post("sendmsg", form, signed(form, spelling=spelling))
    assert (answer.status_code, answer.json()["code"]) == (200, "0000")


def test_a_wrong_signature_is_answered_with_the_text_that_should_have_been_signed(keyed, http):
    answer = Client(http, keyed.url, "").post("sendmsg", FORM, signed(FORM | {"templateParamSet": "2"}))
    assert (answer.status_code, answer.headers["X-Ca-Error-Code"]) == (403, "A403IS")
    assert "Server StringToSign:`POST#application/json##" in answer.headers["X-Ca-Error-Message"]


@pytest.mark.parametrize("wrong", [{"X-Ca-Key": "other"}, {"X-Ca-Signature": ""}, {"X-Ca-Timestamp": "1"}])
def test_a_wrong_key_signature_or_time_is_refused(keyed, http, wrong):
    assert Client(http, keyed.url, "").post("sendmsg", FORM, signed(FORM) | wrong).status_code == 403


def test_an_appcode_is_refused_where_only_a_key_is_known(keyed, http):
    assert Client(http, keyed.url, "").post("sendmsg", FORM).status_code == 403


def test_only_the_configured_appcode_is_accepted(http):
    with running_simulator(appcode="right") as simulator:
        client = Client(http, simulator.url, "")
        assert client.post("sendmsg", FORM, {"Authorization": "APPCODE wrong"}).status_code == 403
        assert client.post("sendmsg", FORM, {"Authorization": "APPCODE right"}).status_code == 200
