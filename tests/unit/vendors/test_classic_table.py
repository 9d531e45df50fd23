"""The classic gateway's table: every message it answers with and no error code, and what each leads to.

Sources: Alibaba Cloud API Gateway, "Error codes" (document 43906), the part on classic instances, as it was until 2023: copies
at developer.aliyun.com/ask/278260 (client errors) and /278259 (server errors), and in public API pages of market vendors. They
differ in the status of Empty Signature and in one letter of the GROUP row.
"""

import pytest

from smsrelay_worker.vendors.base import Kind
from smsrelay_worker.vendors.yisha.gateway import Head, Verdict, classify_response

CLASSIC = [
    # status, message, what it leads to, our code
    (403, "Throttled by USER Flow Control", Kind.THROTTLED, "throttled"),
    (403, "Throttled by APP Flow Control", Kind.THROTTLED, "throttled"),
    (403, "Throttled by API Flow Control", Kind.THROTTLED, "throttled"),
    (403, "Throttled by DOMAIN Flow Control", Kind.THROTTLED, "throttled"),
    (403, "TThrottled by GROUP Flow Control", Kind.THROTTLED, "throttled"),
    (403, "Quota Exhausted", Kind.HALTED, "quota_exhausted"),
    (403, "Quota Expired", Kind.HALTED, "quota_expired"),
    (403, "Expiry of Authorization", Kind.HALTED, "authorization_expired"),
    (403, "User Arrears", Kind.HALTED, "arrears"),
    (400, "Empty Request Body", Kind.UNREACHABLE, "empty_request_body"),
    (400, "Invalid Request Body", Kind.REFUSED, "invalid_request_body"),
    (400, "Invalid Param Location", Kind.REFUSED, "invalid_param_location"),
    (400, "Unsupported Multipart", Kind.UNREACHABLE, "unsupported_multipart"),
    (400, "Invalid Url", Kind.UNREACHABLE, "unknown_url"),
    (400, "Invalid Domain", Kind.UNREACHABLE, "unknown_domain"),
    (400, "Invalid HttpMethod", Kind.UNREACHABLE, "unknown_method"),
    (400, "API Not Found", Kind.UNREACHABLE, "api_not_found"),
    (400, "Invalid AppKey", Kind.HALTED, "invalid_appkey"),
    (400, "Invalid AppSecret", Kind.HALTED, "invalid_appsecret"),
    (400, "Timestamp Expired", Kind.HALTED, "timestamp_expired"),
    (400, "Invalid Timestamp", Kind.HALTED, "invalid_timestamp"),
    (401, "Empty Signature", Kind.HALTED, "empty_signature"),
    (404, "Empty Signature", Kind.HALTED, "empty_signature"),
    (400, "Invalid Signature, Server StringToSign:`POST#mobile=+8613800138000`", Kind.HALTED, "invalid_signature"),
    (400, "Invalid Content-MD5", Kind.UNREACHABLE, "invalid_content_md5"),
    (403, "Unauthorized", Kind.HALTED, "unauthorized"),
    (400, "Nonce Used", Kind.UNCERTAIN, "nonce_used"),
    (500, "Internal Error", Kind.UNCERTAIN, "http_500"),
    (500, "Failed To Invoke Backend Service", Kind.UNCERTAIN, "http_500"),
    (503, "Service Unavailable", Kind.UNREACHABLE, "http_503"),
    (504, "Async Service", Kind.UNCERTAIN, "http_504"),
]

SEEN_ELSEWHERE = [
    # in clients of the market, in other languages of the table, and in the table of the newer gateway, which also names a code
    (400, "Invalid AppCode `not exists`", Kind.HALTED, "invalid_appcode"),
    (403, "Api Market Subscription quota exhausted", Kind.HALTED, "subscription"),
    (403, "Provider Account Overdue", Kind.HALTED, "arrears"),
    (403, "App authorization expired", Kind.HALTED, "authorization_expired"),
    (403, "Throttled by USER Throttling", Kind.THROTTLED, "throttled"),
    (400, "Header `X-Ca-Key` is Required", Kind.HALTED, "invalid_header"),
    (400, "Invalid Header `X-Ca-Nonce` too long", Kind.HALTED, "invalid_header"),
    (400, "Invalid Date", Kind.HALTED, "invalid_timestamp"),
    (400, "X-Ca-Timestamp is expired", Kind.HALTED, "timestamp_expired"),
    (400, "Invalid Stage", Kind.UNREACHABLE, "unknown_stage"),
    (400, "Parameter `mobile` is Required", Kind.REFUSED, "http_400"),
]


def test_the_whole_table_is_here() -> None:
    """26 rows of client errors, one of them with two statuses, and 4 of server errors."""
    assert len(CLASSIC) == 31
    assert len({message for _, message, _, _ in CLASSIC}) == 30


@pytest.mark.parametrize(("status", "message", "kind", "code"), [*CLASSIC, *SEEN_ELSEWHERE])
def test_each_message_without_a_code_falls_into_its_class(status: int, message: str, kind: Kind, code: str) -> None:
    assert classify_response(Head(status, "", message)) == Verdict(kind, code)


@pytest.mark.parametrize(("status", "message", "kind", "code"), CLASSIC)
def test_neither_case_nor_blanks_change_what_a_message_means(status: int, message: str, kind: Kind, code: str) -> None:
    for spelt in (message.upper(), message.lower(), f"  {message.replace(' ', '  ')} "):
        assert classify_response(Head(status, " ", spelt)) == Verdict(kind, code)


@pytest.mark.parametrize(
    "message",
    ["Request was Throttled by USER Flow Control", "[gw] throttled by api", "denied due to user flow control", "Throttling.User"],
)
@pytest.mark.parametrize("status", [400, 403, 429])
def test_throttling_is_recognised_wherever_the_words_stand(message: str, status: int) -> None:
    assert classify_response(Head(status, "", message)).kind is Kind.THROTTLED


def test_what_the_gateway_quotes_of_a_request_decides_nothing() -> None:
    quoted = "mobile=1&templateParamSet=Throttled by USER Flow Control"
    assert classify_response(Head(400, "", f"Invalid Signature, Server StringToSign:`{quoted}`")).kind is Kind.HALTED
    assert classify_response(Head(400, "", f"Server StringToSign:`{quoted}`")).kind is Kind.HALTED
    assert classify_response(Head(400, "", f"Invalid Request Body: {quoted}")).kind is Kind.REFUSED
    assert classify_response(Head(400, "", f"Parameter `{quoted}` is wrong")).kind is Kind.REFUSED
    assert classify_response(Head(400, "I400BD", f"Invalid Body: {quoted}")).kind is Kind.REFUSED


@pytest.mark.parametrize(("code", "message"), [("", "Something New"), ("I403ZZ", ""), ("X403DG", "Bad Domain or Group: x")])
def test_an_undocumented_403_of_the_gateway_fails_no_message(code: str, message: str) -> None:
    """Every 403 of its table speaks of the account or of flow; tried again, and a wave of them opens the circuit."""
    assert classify_response(Head(403, code, message)).kind is Kind.UNREACHABLE


@pytest.mark.parametrize("code", ["I400SG", "I400PA", "I400RU", "I403PT", "I404DO", "I404NF", "I405UM", "I410GG", "X400PM"])
def test_codes_about_the_route_are_unreachable(code: str) -> None:
    assert classify_response(Head(int(code[1:4]), code)) == Verdict(Kind.UNREACHABLE, code)


@pytest.mark.parametrize("code", ["I400HD", "I400MH", "I400NC", "I400CT", "I400I5"])
def test_codes_about_a_header_halt_because_headers_are_the_same_for_every_message(code: str) -> None:
    assert classify_response(Head(400, code)) == Verdict(Kind.HALTED, code)


@pytest.mark.parametrize("status", [200, 500, 502, 504])
@pytest.mark.parametrize("message", ["Invalid Url", "Empty Request Body", "Throttled by USER Flow Control", "Header overflow"])
def test_words_that_say_not_sent_count_only_with_a_status_that_agrees(status: int, message: str) -> None:
    assert classify_response(Head(status, "", message)).kind is Kind.UNCERTAIN
