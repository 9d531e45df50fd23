"""The adapter against a real socket: what it sends, and what it makes of each answer."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.utils import formatdate

import pytest
import requests

from smsrelay_worker.vendors.base import Answer, Kind
from smsrelay_worker.vendors.yisha.credentials import AppKey
from smsrelay_worker.vendors.yisha.http import open_session
from tests.support.scripted_vendor import (
    ACCEPTED,
    NUMBER,
    SUBMISSION,
    Script,
    answer,
    submit,
    yisha,
)


def test_a_mainland_number_goes_to_the_domestic_route_as_the_vendor_wants_it(script: Script) -> None:
    assert submit(script.url) == Answer(Kind.ANSWERED, "0000", "ext-1", "req-1")
    (request,) = script.received
    assert request.path == "/comms/sms/sendmsg"
    assert b"mobile=%2B8613800138000&" in request.body
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert request.form == {
        "mobile": NUMBER,
        "templateID": "0000000",
        "templateParamSet": "1234, 5",
        "callbackUrl": "https://sms.example/callback/m-1/1/x",
    }


@pytest.mark.parametrize("to", ["+14155550100", "+85251234567", "+886912345678"])
def test_every_other_number_goes_to_the_international_route(script: Script, to: str) -> None:
    submit(script.url, replace(SUBMISSION, to=to))
    assert script.received[0].path == "/comms/sms/sendmsgall"


def test_serialiser_and_channel_are_settings_and_without_a_callback_url_the_field_is_left_out(script: Script) -> None:
    submit(script.url, replace(SUBMISSION, callback_url=None), serialiser="quoted", channel="1")
    assert script.received[0].form["templateParamSet"] == "['1234','5']"
    assert script.received[0].form["channel"] == "1"
    assert "callbackUrl" not in script.received[0].form


def test_each_attempt_has_its_own_nonce_with_appcode_too(script: Script) -> None:
    with yisha(script.url) as vendor:
        vendor.submit(SUBMISSION)
        vendor.submit(SUBMISSION)
    assert [request.headers["X-Ca-Nonce"] for request in script.received] == ["nonce-1", "nonce-2"]
    assert script.received[0].headers["Authorization"] == "APPCODE code"


def test_a_signed_request_carries_the_signature_and_not_the_secret(script: Script) -> None:
    submit(script.url, credentials=AppKey("the-key", "the-secret"))
    (request,) = script.received
    assert request.headers["X-Ca-Timestamp"] == "1700000000000"
    assert request.headers["X-Ca-Signature"]
    assert "Authorization" not in request.headers
    assert "the-secret" not in str(request)


def test_the_environment_neither_reroutes_nor_authenticates_a_submit(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert submit(script.url).kind is Kind.ANSWERED


def test_connections_are_kept_and_cookies_are_not(script: Script) -> None:
    script.reaction = answer(ACCEPTED, "Set-Cookie: acw_tc=1; Path=/")
    with yisha(script.url) as vendor:
        vendor.submit(SUBMISSION)
        vendor.submit(SUBMISSION)
    assert script.connections == 1
    assert "Cookie" not in script.received[1].headers


def test_values_that_the_vendors_list_cannot_carry_are_refused_and_nothing_is_sent(script: Script) -> None:
    answered = submit(script.url, replace(SUBMISSION, params=("1,2",)))
    assert answered == Answer(Kind.REFUSED, "ambiguous_params")
    assert script.received == []


@pytest.mark.parametrize("code", ["i005", "9999", "1999", "brand-new"])
def test_the_vendor_s_own_code_is_handed_on_for_the_policy_to_judge(script: Script, code: str) -> None:
    script.reaction = answer(b'{"code":"%b"}' % code.encode(), "X-Ca-Request-Id: gw-1")
    assert submit(script.url) == Answer(Kind.ANSWERED, code, None, "gw-1")


def test_a_refusal_comes_with_the_masked_message_of_the_vendor_and_nothing_more(script: Script) -> None:
    said = f"号码{NUMBER}发送频率超限，参数1234；see https://sms.example/callback/m-1/1/x"
    script.reaction = answer(json.dumps({"code": "i005", "msg": said}).encode())
    answered = submit(script.url)
    assert (answered.code, answered.message) == ("i005", "号码…发送频率超限,参数…;see …")
    script.reaction = answer(json.dumps({"code": "0000", "msg": "成功。", "externalId": "ext-1"}).encode())
    assert submit(script.url).message is None


@pytest.mark.parametrize("proof", ["aBcDeFgHiJkLmNoPqRsTuV", "short"])
def test_the_proof_of_a_callback_url_is_masked_in_the_vendors_message(script: Script, proof: str) -> None:
    script.reaction = answer(json.dumps({"code": "i005", "msg": f"bad callback {proof}"}).encode())
    submission = replace(SUBMISSION, callback_url=f"https://sms.example/callback/m-1/1/{proof}")
    assert submit(script.url, submission).message == "bad callback …"


@pytest.mark.parametrize("named", [f"20261122-{NUMBER[1:]}", "a b", ["e1"]])
def test_an_id_that_cannot_be_kept_still_says_that_a_submit_may_have_been_accepted(script: Script, named: object) -> None:
    script.reaction = answer(json.dumps({"code": "x777", "externalId": named}).encode())
    answered = submit(script.url)
    assert (answered.external_id, answered.has_id) == (None, True)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"msg":"ok"}', b'{"code":"00', b" " * 70_000 + ACCEPTED])
def test_a_200_that_does_not_parse_is_uncertain(script: Script, body: bytes) -> None:
    script.reaction = answer(body, "X-Ca-Request-Id: gw-1")
    assert submit(script.url) == Answer(Kind.UNCERTAIN, "unparsable", request_id="gw-1")


def test_a_compressed_answer_is_read(script: Script) -> None:
    script.reaction = answer(gzip.compress(ACCEPTED), "Content-Encoding: gzip")
    assert submit(script.url).code == "0000"


def test_a_body_that_unpacks_to_gigabytes_is_not_unpacked(script: Script) -> None:
    script.reaction = answer(gzip.compress(b" " * 50_000_000), "Content-Encoding: gzip")
    assert submit(script.url) == Answer(Kind.UNCERTAIN, "unparsable")


def test_a_success_with_the_gateways_ok_is_the_vendors_answer_and_its_body_is_read(script: Script) -> None:
    script.reaction = answer(ACCEPTED, "X-Ca-Error-Message: OK", "X-Ca-Request-Id: gw-1")
    assert submit(script.url) == Answer(Kind.ANSWERED, "0000", "ext-1", "req-1")
    with yisha(script.url) as vendor:
        assert vendor.pull("ext-1") == ACCEPTED


GATEWAY = [
    ("429 Too Many", "", "", Kind.THROTTLED, "http_429"),
    ("429 Too Many", "T429ID", "", Kind.THROTTLED, "T429ID"),
    ("403 Forbidden", "", "Throttled by USER Flow Control", Kind.THROTTLED, "throttled"),
    ("403 Forbidden", "B403MQ", "Api Market Subscription quota exhausted", Kind.HALTED, "B403MQ"),
    ("403 Forbidden", "", "Unauthorized", Kind.HALTED, "unauthorized"),
    ("400 Bad Request", "A400AC", "Invalid AppCode", Kind.HALTED, "A400AC"),
    ("403 Forbidden", "A403IS", f"Invalid Signature, Server StringToSign:`mobile={NUMBER}`", Kind.HALTED, "A403IS"),
    ("400 Bad Request", "I400MP", "", Kind.REFUSED, "I400MP"),
    ("403 Forbidden", "", "", Kind.REFUSED, "http_403"),
    ("503 Unavailable", "D503BB", "", Kind.UNREACHABLE, "D503BB"),
    ("504 Timeout", "D504CO", "Backend service connect failed", Kind.UNREACHABLE, "D504CO"),
    ("504 Timeout", "D504TO", "", Kind.UNCERTAIN, "D504TO"),
    ("502 Bad Gateway", "", "", Kind.UNCERTAIN, "http_502"),
    ("500 Error", "", "", Kind.UNCERTAIN, "http_500"),
    ("200 OK", "X500ER", "", Kind.UNCERTAIN, "X500ER"),
]


@pytest.mark.parametrize(("status", "code", "message", "kind", "expected"), GATEWAY)
def test_what_the_gateway_answers_is_never_taken_for_the_vendor(
    script: Script, status: str, code: str, message: str, kind: Kind, expected: str
) -> None:
    headers = (f"X-Ca-Error-Code: {code}", f"X-Ca-Error-Message: {message}", "X-Ca-Request-Id: gw-1")
    script.reaction = answer(ACCEPTED, *headers, status=status)
    answered = submit(script.url)
    assert answered == Answer(kind, expected, request_id="gw-1")
    assert NUMBER[-8:] not in repr(answered)


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/elsewhere", "://", "http://[", "//", ""])
def test_a_redirect_halts_and_is_not_followed_wherever_it_points(script: Script, location: str) -> None:
    script.reaction = answer(b"", f"Location: {location}", status="307 Moved")
    assert submit(script.url) == Answer(Kind.HALTED, "http_307")
    assert len(script.received) == 1


# 1700000000 is Tue, 14 Nov 2023 22:13:20 GMT
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        (formatdate(1700000007, usegmt=True), 7.0),
        (formatdate(1600000000, usegmt=True), 0.0),
        ("9" * 400, 3600.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_throttled_answer_hands_on_how_long_to_wait(script: Script, header: str, seconds: float | None) -> None:
    script.reaction = answer(b"", f"Retry-After: {header}", status="429 Too Many")
    assert submit(script.url) == Answer(Kind.THROTTLED, "http_429", retry_after=seconds)


def test_many_threads_share_one_adapter(script: Script) -> None:
    with yisha(script.url) as vendor, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(vendor.submit, [SUBMISSION] * 64))
    assert {found.code for found in answers} == {"0000"}
    assert len({request.headers["X-Ca-Nonce"] for request in script.received}) == 64


def test_the_session_makes_no_retry_of_its_own() -> None:
    with open_session(3) as session:
        adapter = session.get_adapter("https://edisim.example")
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        assert (adapter.max_retries.total, adapter.max_retries.read) == (0, False)
