"""The table: each class of VENDOR facts by a response or an exception, and nothing left without a row."""

import http.client
import ssl
from collections.abc import Iterator

import pytest
import requests
import urllib3.exceptions
from hypothesis import given
from hypothesis import strategies as st

from smsrelay_worker.vendors.base import Kind
from smsrelay_worker.vendors.yisha.gateway import FAULTS, OTHER_ERROR, Head, Verdict, classify_fault, classify_response

STRING_TO_SIGN = "Invalid Signature, Server StringToSign:`POST#/comms/sms/sendmsg?mobile=+8613800138000`"

RESPONSES = [
    (Head(429), Kind.THROTTLED, "http_429"),
    (Head(429, "T429ID", "Throttled by DOMAIN Flow Control"), Kind.THROTTLED, "T429ID"),
    (Head(403, "T429IN"), Kind.THROTTLED, "T429IN"),
    (Head(403, "", "Throttled by USER Flow Control"), Kind.THROTTLED, "throttled"),
    (Head(429, "", "Throttled by API Flow Control"), Kind.THROTTLED, "http_429"),
    (Head(403, "B403MQ", "Api Market Subscription quota exhausted"), Kind.HALTED, "B403MQ"),
    (Head(429, "B403MQ"), Kind.HALTED, "B403MQ"),
    (Head(403, "B403ME"), Kind.HALTED, "B403ME"),
    (Head(403, "B403OD"), Kind.HALTED, "B403OD"),
    (Head(400, "A400AC", "Invalid AppCode"), Kind.HALTED, "A400AC"),
    (Head(403, "A403IS", STRING_TO_SIGN), Kind.HALTED, "A403IS"),
    (Head(403, "I403AA", "Unauthorized"), Kind.HALTED, "I403AA"),
    (Head(403, "", "Quota Exhausted"), Kind.HALTED, "quota_exhausted"),
    (Head(403, "", "Quota Expired"), Kind.HALTED, "quota_expired"),
    (Head(403, "", "User Arrears"), Kind.HALTED, "arrears"),
    (Head(403, "", "Api Market Subscription expired"), Kind.HALTED, "subscription"),
    (Head(400, "", "Invalid AppKey"), Kind.HALTED, "invalid_appkey"),
    (Head(400, "", "invalid appcode `x`"), Kind.HALTED, "invalid_appcode"),
    (Head(400, "", STRING_TO_SIGN), Kind.HALTED, "invalid_signature"),
    (Head(403, "", "Unauthorized"), Kind.HALTED, "unauthorized"),
    (Head(403, "S403TI"), Kind.HALTED, "S403TI"),
    (Head(401), Kind.HALTED, "http_401"),
    (Head(402), Kind.HALTED, "http_402"),
    (Head(302), Kind.HALTED, "http_302"),
    (Head(308), Kind.HALTED, "http_308"),
    (Head(303), Kind.UNCERTAIN, "http_303"),
    (Head(400, "I400MP", "Parameter `mobile` is Required"), Kind.REFUSED, "I400MP"),
    (Head(400, "I400BD", "Invalid Body: unauthorized"), Kind.REFUSED, "I400BD"),
    (Head(400, "", "Invalid Param Location"), Kind.REFUSED, "invalid_param_location"),
    (Head(400), Kind.REFUSED, "http_400"),
    (Head(403), Kind.REFUSED, "http_403"),
    (Head(404, "I404NF"), Kind.UNREACHABLE, "I404NF"),
    (Head(410), Kind.UNREACHABLE, "http_410"),
    (Head(421), Kind.UNREACHABLE, "http_421"),
    (Head(451), Kind.UNREACHABLE, "http_451"),
    (Head(413, "I413RL"), Kind.REFUSED, "I413RL"),
    (Head(503), Kind.UNREACHABLE, "http_503"),
    (Head(503, "D503BB"), Kind.UNREACHABLE, "D503BB"),
    (Head(504, "D504CO", "Backend service connect failed 'Timeout connecting to 10.0.0.1:80'"), Kind.UNREACHABLE, "D504CO"),
    (Head(504, "D504CO", "Backend service connect failed 'Connection is closed'"), Kind.UNCERTAIN, "D504CO"),
    (Head(504, "D504CO", "Backend service connect failed 'Connection reset by peer'"), Kind.UNCERTAIN, "D504CO"),
    (Head(504, "D504CS"), Kind.UNREACHABLE, "D504CS"),
    (Head(504, "D504IL"), Kind.UNREACHABLE, "D504IL"),
    (Head(504, "D504TO", "Backend service request timeout"), Kind.UNCERTAIN, "D504TO"),
    (Head(504, "", "Backend service request timeout"), Kind.UNCERTAIN, "http_504"),
    (Head(502, "D502FC"), Kind.UNCERTAIN, "D502FC"),
    (Head(403, "S403NU", "Nonce Used"), Kind.UNCERTAIN, "S403NU"),
    (Head(408), Kind.UNCERTAIN, "http_408"),
    (Head(500), Kind.UNCERTAIN, "http_500"),
    (Head(502), Kind.UNCERTAIN, "http_502"),
    (Head(504), Kind.UNCERTAIN, "http_504"),
    (Head(200, "X500ER"), Kind.UNCERTAIN, "X500ER"),
    (Head(200, "Timeout"), Kind.UNCERTAIN, "Timeout"),
    (Head(500, "", "Throttled by nobody"), Kind.UNCERTAIN, "http_500"),
]


@pytest.mark.parametrize(("head", "kind", "code"), RESPONSES, ids=lambda part: str(part) if isinstance(part, str) else "")
def test_each_response_falls_into_its_class(head: Head, kind: Kind, code: str) -> None:
    assert classify_response(head) == Verdict(kind, code)


def test_a_200_is_the_vendor_s_unless_a_gateway_header_says_otherwise() -> None:
    assert Head(200).from_vendor
    assert Head(200, " ", " ").from_vendor
    assert not Head(200, "D504TO").from_vendor
    assert not Head(200, "", "Throttled by USER Flow Control").from_vendor
    assert not Head(400).from_vendor


@pytest.mark.parametrize("message", ["OK", "ok", " Ok ", "success", "OK, OK"])
def test_a_2xx_whose_message_says_ok_is_the_vendor_s(message: str) -> None:
    """Seen in header dumps of successful market calls of 2019 and 2020."""
    assert Head(200, "", message).from_vendor
    assert Head(202, " ", message).from_vendor
    assert not Head(200, "D504TO", message).from_vendor
    assert not Head(400, "", message).from_vendor
    assert classify_response(Head(403, "", message)) == classify_response(Head(403))


@pytest.mark.parametrize("message", ["Not OK", "OK Throttled by USER Flow Control", "okay", "no success", "Unauthorized"])
def test_a_2xx_with_any_other_message_is_the_gateway_s(message: str) -> None:
    assert not Head(200, "", message).from_vendor


@given(st.integers(100, 599), st.text(), st.text())
def test_every_response_has_a_class_and_a_code_safe_to_log(status: int, code: str, message: str) -> None:
    verdict = classify_response(Head(status, code, message))
    assert 0 < len(verdict.code) <= 24
    assert all(sign.isascii() and (sign.isalnum() or sign in "_.-") for sign in verdict.code)


@given(st.integers(500, 599), st.text())
def test_a_server_error_says_not_sent_only_where_the_gateway_is_known_to_mean_it(status: int, code: str) -> None:
    verdict = classify_response(Head(status, code))
    known = code.strip()[:6] in ("D504CO", "D504CS", "D504IL") or code.strip().startswith("D503") or status == 503
    assert verdict.kind is not Kind.UNREACHABLE or known


def _tree(base: type[BaseException]) -> Iterator[type[BaseException]]:
    yield base
    for child in base.__subclasses__():
        yield from _tree(child)


# The three roots say nothing by themselves; nobody raises them.
ROOTS = {requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException}
LIBRARIES = ("requests.", "urllib3.", "http.client")
ALL_FAULTS = sorted(
    {
        each
        for root in ROOTS
        for each in _tree(root)
        if each not in ROOTS and each.__module__.startswith(LIBRARIES)  # not what a test runner derives from them
    },
    key=lambda each: f"{each.__module__}.{each.__qualname__}",
)


@pytest.mark.parametrize("kind", ALL_FAULTS, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_no_exception_of_the_http_libraries_is_without_a_row(kind: type[BaseException]) -> None:
    assert classify_fault(kind.__new__(kind), begun=True).code != OTHER_ERROR


@pytest.mark.parametrize("kind", ALL_FAULTS, ids=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
def test_once_the_form_has_begun_to_leave_every_failure_is_uncertain(kind: type[BaseException]) -> None:
    assert classify_fault(kind.__new__(kind), begun=True).kind is Kind.UNCERTAIN


def test_each_row_of_the_faults_decides_something() -> None:
    for fault in FAULTS:
        for cause in fault.causes:
            assert classify_fault(cause.__new__(cause), begun=False) == Verdict(fault.unsent, fault.code)


def _wrapped(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(None, "/", reason))  # type: ignore[arg-type]


def _aborted(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", reason))


UNSENT = [
    (_wrapped(urllib3.exceptions.NewConnectionError(None, "refused")), Kind.UNREACHABLE, "connect_error"),  # type: ignore[arg-type]
    (_wrapped(urllib3.exceptions.NameResolutionError("h", None, OSError())), Kind.UNREACHABLE, "dns_error"),  # type: ignore[arg-type]
    (requests.ConnectTimeout(), Kind.UNREACHABLE, "connect_timeout"),
    (requests.exceptions.SSLError(), Kind.UNREACHABLE, "tls_error"),
    (_aborted(ConnectionResetError()), Kind.UNREACHABLE, "connection_reset"),
    (requests.ReadTimeout(), Kind.UNREACHABLE, "read_timeout"),
    (requests.exceptions.InvalidURL(), Kind.HALTED, "invalid_url"),
    (requests.exceptions.MissingSchema(), Kind.HALTED, "invalid_url"),
    (urllib3.exceptions.LocationParseError("x"), Kind.HALTED, "invalid_url"),
    (requests.exceptions.InvalidHeader(), Kind.HALTED, "invalid_header"),
    (OSError("no CA bundle"), Kind.UNREACHABLE, OTHER_ERROR),
]


@pytest.mark.parametrize(("error", "kind", "code"), UNSENT, ids=lambda part: part if isinstance(part, str) else "")
def test_a_failure_before_the_form_left_is_certainly_not_sent(error: Exception, kind: Kind, code: str) -> None:
    assert classify_fault(error, begun=False) == Verdict(kind, code)


BEGUN = [
    (requests.ReadTimeout(), "read_timeout"),
    (_wrapped(urllib3.exceptions.ReadTimeoutError(None, None, "slow")), "read_timeout"),  # type: ignore[arg-type]
    (_aborted(http.client.RemoteDisconnected("")), "connection_reset"),
    (_aborted(ConnectionResetError()), "connection_reset"),
    (_aborted(http.client.BadStatusLine("?")), "broken_answer"),
    (requests.exceptions.ChunkedEncodingError(), "broken_answer"),
    (requests.exceptions.ContentDecodingError(), "broken_answer"),
    # A TLS record of the answer that does not decrypt is wrapped just like a failed handshake.
    (requests.exceptions.SSLError(urllib3.exceptions.SSLError(ssl.SSLError("bad record mac"))), "tls_error"),
    # urllib3 raises this one for two Content-Length headers in the answer.
    (requests.exceptions.InvalidHeader(urllib3.exceptions.InvalidHeader()), "invalid_header"),
    (OSError(), OTHER_ERROR),
]


@pytest.mark.parametrize(("error", "code"), BEGUN, ids=lambda part: part if isinstance(part, str) else "")
def test_a_failure_after_the_form_left_may_have_been_sent(error: Exception, code: str) -> None:
    assert classify_fault(error, begun=True) == Verdict(Kind.UNCERTAIN, code)


def test_exceptions_that_wrap_each_other_in_a_circle_are_classified() -> None:
    first, second = requests.ConnectionError(), urllib3.exceptions.ProtocolError()
    first.args, second.args = (second,), (first,)
    assert classify_fault(first, begun=True).code == "transport_error"
