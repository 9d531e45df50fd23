"""The adapter against the vendor simulator, a process of its own: both kinds of credentials, every gateway error."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from smsrelay_simulator.scripts.gateway_errors import GATEWAY_ERRORS
from smsrelay_worker.vendors.base import Answer, Kind, Submission
from smsrelay_worker.vendors.yisha.adapter import epoch_ms, new_nonce
from smsrelay_worker.vendors.yisha.credentials import AppCode, AppKey
from tests.support.scripted_vendor import NUMBER, SUBMISSION, submit
from tests.support.simulator_client import Simulator
from tests.support.simulator_process import running_simulator

KEY = AppKey("the-key", "the-secret")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running_simulator(appcode="code", app_key="the-key", app_secret="the-secret") as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(simulator: Simulator) -> None:
    simulator.reset()


def _submit(simulator: Simulator, submission: Submission = SUBMISSION, **account: Any) -> Answer:
    submission = replace(submission, callback_url=None)
    return submit(simulator.url, submission, nonce=new_nonce, wall_ms=epoch_ms, **account)


@pytest.mark.parametrize("credentials", [AppCode("code"), KEY], ids=["appcode", "appkey"])
@pytest.mark.parametrize("serialiser", ["plain", "quoted"])
@pytest.mark.parametrize("to", [NUMBER, "+14155550100"])
def test_a_submit_is_accepted_and_read_as_it_was_meant(
    simulator: Simulator, credentials: AppCode | AppKey, serialiser: str, to: str
) -> None:
    submission = replace(SUBMISSION, to=to, params=("验证码 1+1=2&x", "5"))
    answered = _submit(simulator, submission, credentials=credentials, serialiser=serialiser)
    assert (answered.kind, answered.code) == (Kind.ANSWERED, "0000")
    (recorded,) = simulator.submits(to)
    assert recorded.parameters == ("验证码 1+1=2&x", "5")
    assert answered.external_id == recorded.external_id


@pytest.mark.parametrize("credentials", [AppCode("wrong"), AppKey("wrong", "x"), AppKey("the-key", "wrong")])
def test_wrong_credentials_halt(simulator: Simulator, credentials: AppCode | AppKey) -> None:
    answered = _submit(simulator, credentials=credentials)
    assert answered.kind is Kind.HALTED
    assert NUMBER[-8:] not in repr(answered)  # fewer digits may stand in a request's id by accident


@pytest.mark.parametrize("name", GATEWAY_ERRORS)
def test_each_gateway_error_of_the_simulator_falls_into_its_class(simulator: Simulator, name: str) -> None:
    simulator.script(NUMBER, {"submits": [name]})
    assert _submit(simulator).kind == GATEWAY_ERRORS[name].outcome


@pytest.mark.parametrize("code", ["0000", "i005", "9999"])
def test_the_vendors_answer_is_read_where_the_gateway_says_ok_beside_it(simulator: Simulator, code: str) -> None:
    simulator.script(NUMBER, {"submits": [f"{code}+says_ok"]})
    answered = _submit(simulator)
    assert (answered.kind, answered.code) == (Kind.ANSWERED, code)


@pytest.mark.parametrize("step", ["reset_before", "reset_after", "timeout_after", "garbage", "empty"])
def test_whatever_goes_wrong_after_the_request_was_written_is_uncertain(simulator: Simulator, step: str) -> None:
    simulator.script(NUMBER, {"submits": [step]})
    assert _submit(simulator, read_timeout=0.3).kind is Kind.UNCERTAIN


@pytest.mark.parametrize("code", ["i005", "9999", "1999"])
def test_a_vendor_code_is_handed_on(simulator: Simulator, code: str) -> None:
    simulator.script(NUMBER, {"submits": [code]})
    assert _submit(simulator).code == code
