"""What an answer of the Aliyun API gateway, or a failure on the way to it, says about a submit: one table, two halves.

Enters: status, error code and message of a response (``RESPONSES``), or an exception and whether the connection had
begun to take the form (``FAULTS``). Leaves: a ``Verdict``. In both halves the first row that fits decides. In doubt it
is UNCERTAIN: a wrong "not sent" sends an SMS twice.

Sources: Alibaba Cloud API Gateway, "Error codes" (document 43906; its part on classic instances, which send messages without a
code, by the copies at developer.aliyun.com/ask/278260 and /278259) and "Troubleshoot D504CO errors"; RFC 9110 for bare statuses.
"""

import http.client as http
import re
import ssl
from collections.abc import Container, Iterator
from dataclasses import dataclass

from requests import exceptions as requests
from urllib3 import exceptions as urllib3

from smsrelay_worker.vendors.base import Kind
from smsrelay_worker.vendors.yisha.reply import safe_code

OTHER_ERROR = "other_error"  # an exception without a row
_NO_ERROR = {"", "ok", "success"}  # what X-Ca-Error-Message holds where the vendor answered


@dataclass(frozen=True, slots=True)
class Verdict:
    """Kind and code of the ``Answer`` to be."""

    kind: Kind
    code: str


@dataclass(frozen=True, slots=True)
class Head:
    """What of a response's head tells who answered."""

    status: int
    error_code: str = ""  # X-Ca-Error-Code
    # X-Ca-Error-Message. Never shown: an invalid signature is answered with the string to sign, number and all.
    error_message: str = ""

    @property
    def from_gateway(self) -> bool:
        """Whether the gateway itself answered. Classic instances send only the message, some of them one for success too."""
        said = self.error_message.casefold().split(",")  # a header that is there twice comes joined
        return bool(self.error_code.strip()) or any(part.strip() not in _NO_ERROR for part in said)

    @property
    def from_vendor(self) -> bool:
        """Whether the body is the vendor's."""
        return not self.from_gateway and 200 <= self.status < 300

    @property
    def wording(self) -> str:
        """The message as far as it is the gateway's own, in lower case: behind the first backtick it quotes the request."""
        return " ".join(self.error_message.partition("`")[0].casefold().split())


_4XX = range(400, 500)
_ANY = range(1000)


@dataclass(frozen=True, slots=True)
class Row:
    """One class of responses. What is left out fits everything."""

    kind: Kind
    code: str = ""  # pattern of how the error code begins: a letter for its class, then the HTTP status
    message: str = ""  # how the wording begins, in lower case
    words: tuple[str, ...] = ()  # one of them stands somewhere in the wording, and there is no error code
    statuses: Container[int] = _ANY
    by_gateway: bool = False  # only what the gateway itself answered
    name: str = ""  # our code when the gateway gave none; else http_<status>

    def fits(self, head: Head) -> bool:
        """Whether every condition of the row holds."""
        code, wording = head.error_code.strip(), head.wording
        return (
            re.match(self.code, code) is not None
            and wording.startswith(self.message)
            and (not self.words or (not code and any(each in wording for each in self.words)))
            and head.status in self.statuses
            and (head.from_gateway or not self.by_gateway)
        )


RESPONSES = (
    Row(Kind.THROTTLED, code=r"T\d"),
    # Halted. A: credentials, B: quota, arrears, subscription, ban. No message can succeed until a person acts.
    Row(Kind.HALTED, code=r"A\d"),
    Row(Kind.HALTED, code=r"B\d"),
    Row(Kind.HALTED, code="I403AA"),  # unauthorized
    Row(Kind.HALTED, code="S403T"),  # timestamp outside its 15 minutes: our clock [inferred]
    Row(Kind.HALTED, code="I400(HD|MH|NC|CT|I5)"),  # a header, and ours are the same for every message
    # The nonce is new for every attempt. Used before means that a copy of this very attempt got through [inferred].
    Row(Kind.UNCERTAIN, code="S403NU"),
    # The route and the interface's definition are the same for every message too, and both may be put right over there.
    Row(Kind.UNREACHABLE, code="I400(SG|PA|RU)|X4"),
    # Counted as a failed connect by the gateway, but its backend closed a connection that was already in use.
    Row(Kind.UNCERTAIN, code="D504CO", message="backend service connect failed 'connection is closed"),
    Row(Kind.UNCERTAIN, code="D504CO", message="backend service connect failed 'connection reset"),
    Row(Kind.UNREACHABLE, code="D504CO"),
    Row(Kind.UNREACHABLE, code="D504CS"),
    Row(Kind.UNREACHABLE, code="D504IL"),
    Row(Kind.UNREACHABLE, code="D503"),
    # From here on messages: classic instances send no code. First those that speak of account, clock and headers.
    Row(Kind.HALTED, message="invalid appcode", name="invalid_appcode"),
    Row(Kind.HALTED, message="invalid appkey", name="invalid_appkey"),
    Row(Kind.HALTED, message="invalid appsecret", name="invalid_appsecret"),
    Row(Kind.HALTED, message="invalid signature", name="invalid_signature"),
    Row(Kind.HALTED, message="server stringtosign", name="invalid_signature"),
    Row(Kind.HALTED, message="empty signature", name="empty_signature"),
    Row(Kind.HALTED, message="unauthorized", name="unauthorized"),
    Row(Kind.HALTED, message="need authorization", name="unauthorized"),
    Row(Kind.HALTED, message="expiry of authorization", name="authorization_expired"),
    Row(Kind.HALTED, message="app authorization expired", name="authorization_expired"),
    Row(Kind.HALTED, message="quota exhausted", name="quota_exhausted"),
    Row(Kind.HALTED, message="quota expired", name="quota_expired"),
    Row(Kind.HALTED, message="user arrears", name="arrears"),
    Row(Kind.HALTED, message="provider account overdue", name="arrears"),
    Row(Kind.HALTED, message="api market subscription", name="subscription"),
    Row(Kind.HALTED, message="timestamp expired", name="timestamp_expired"),
    Row(Kind.HALTED, message="x-ca-timestamp", statuses=_4XX, name="timestamp_expired"),
    Row(Kind.HALTED, message="invalid timestamp", statuses=_4XX, name="invalid_timestamp"),
    Row(Kind.HALTED, message="invalid date", statuses=_4XX, name="invalid_timestamp"),
    Row(Kind.HALTED, message="invalid header", statuses=_4XX, name="invalid_header"),
    Row(Kind.HALTED, message="header", statuses=_4XX, name="invalid_header"),
    Row(Kind.UNCERTAIN, message="nonce used", name="nonce_used"),  # as its code
    # The route; names that no failure of ours has.
    Row(Kind.UNREACHABLE, message="invalid url", statuses=_4XX, name="unknown_url"),
    Row(Kind.UNREACHABLE, message="invalid domain", statuses=_4XX, name="unknown_domain"),
    Row(Kind.UNREACHABLE, message="invalid httpmethod", statuses=_4XX, name="unknown_method"),
    Row(Kind.UNREACHABLE, message="invalid stage", statuses=_4XX, name="unknown_stage"),
    Row(Kind.UNREACHABLE, message="api not found", statuses=_4XX, name="api_not_found"),
    # What we never send: something on the way has changed the request, or the interface is defined otherwise by now.
    Row(Kind.UNREACHABLE, message="empty request body", statuses=_4XX, name="empty_request_body"),
    Row(Kind.UNREACHABLE, message="unsupported multipart", statuses=_4XX, name="unsupported_multipart"),
    Row(Kind.UNREACHABLE, message="invalid content-md5", statuses=_4XX, name="invalid_content_md5"),
    Row(Kind.REFUSED, message="invalid request body", statuses=_4XX, name="invalid_request_body"),
    Row(Kind.REFUSED, message="invalid param location", statuses=_4XX, name="invalid_param_location"),
    Row(Kind.THROTTLED, statuses={429}),
    Row(Kind.THROTTLED, words=("throttled", "throttling", "flow control"), statuses=_4XX, name="throttled"),
    # From here on the status alone.
    Row(Kind.UNCERTAIN, statuses={303}),  # See Other: "processed, look there"
    Row(Kind.HALTED, statuses=range(300, 400)),  # the interface has moved: nothing arrives until the URL is changed
    Row(Kind.HALTED, statuses={401, 402, 407}),  # credentials and payment, by definition
    Row(Kind.UNCERTAIN, statuses={408}),  # the server tired of waiting; for what, it does not say
    # The route is fixed, so a missing one speaks of the URL or of a deploy over there, never of this message.
    Row(Kind.UNREACHABLE, statuses={404, 405, 410, 421, 451}),
    # Every 403 that the gateway is known to answer speaks of account, route or flow. One that nobody knows fails no message: it
    # is tried again, and a wave of them opens the circuit.
    Row(Kind.UNREACHABLE, statuses={403}, by_gateway=True),
    Row(Kind.REFUSED, statuses=_4XX),
    Row(Kind.UNREACHABLE, statuses={503}),
    Row(Kind.UNCERTAIN),  # 500 502 504, D502… D504TO N502… X500…, and whatever comes
)


def classify_response(head: Head) -> Verdict:
    """The verdict on a response that is not the vendor's own answer."""
    row = next(row for row in RESPONSES if row.fits(head))
    return Verdict(row.kind, safe_code(head.error_code) or row.name or f"http_{head.status}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One class of failures, known by the exception or by anything it was raised for."""

    causes: tuple[type[BaseException], ...]
    code: str
    unsent: Kind = Kind.UNREACHABLE  # the kind while the form had not left; afterwards every failure is UNCERTAIN


FAULTS = (
    # A URL or header that cannot be used is the same for every message. Only while nothing was sent: urllib3 raises
    # InvalidHeader for a bad header of the answer as well.
    Fault(
        (
            requests.MissingSchema,
            requests.InvalidSchema,
            requests.InvalidURL,
            requests.URLRequired,
            urllib3.LocationValueError,
            http.InvalidURL,
        ),
        "invalid_url",
        unsent=Kind.HALTED,
    ),
    Fault((requests.InvalidHeader, urllib3.InvalidHeader), "invalid_header", unsent=Kind.HALTED),
    Fault((requests.ProxyError, urllib3.ProxyError), "proxy_error"),
    Fault((urllib3.NameResolutionError,), "dns_error"),
    Fault((urllib3.NewConnectionError,), "connect_error"),  # refused, no route; a subclass of the next row's
    Fault((requests.ConnectTimeout, urllib3.ConnectTimeoutError), "connect_timeout"),
    Fault((requests.SSLError, urllib3.SSLError, ssl.SSLError), "tls_error"),
    # While nothing was sent: the TLS handshake took longer than the connect timeout.
    Fault((requests.ReadTimeout, urllib3.ReadTimeoutError), "read_timeout"),
    Fault((requests.Timeout, urllib3.TimeoutError, TimeoutError), "timeout"),
    # The server closed. That includes a kept connection that it closed just as the request was written into it.
    Fault((ConnectionError, http.RemoteDisconnected), "connection_reset"),
    Fault(
        (
            requests.ChunkedEncodingError,
            requests.ContentDecodingError,
            requests.InvalidJSONError,
            requests.StreamConsumedError,
            urllib3.BodyNotHttplibCompatible,
            urllib3.DecodeError,
            urllib3.HeaderParsingError,
            urllib3.IncompleteRead,
            urllib3.InvalidChunkLength,
            urllib3.ResponseNotChunked,
            http.BadStatusLine,
            http.IncompleteRead,
            http.LineTooLong,
            http.UnknownProtocol,
            http.UnknownTransferEncoding,
        ),
        "broken_answer",
    ),
    Fault(
        (
            requests.ConnectionError,
            requests.HTTPError,
            requests.RetryError,
            requests.TooManyRedirects,
            requests.UnrewindableBodyError,
            urllib3.PoolError,
            urllib3.ProtocolError,
            urllib3.ResponseError,
            urllib3.TimeoutStateError,
            urllib3.UnrewindableBodyError,
            http.ImproperConnectionState,
            http.NotConnected,
            http.UnimplementedFileMode,
        ),
        "transport_error",
    ),
)
_UNKNOWN_FAULT = Fault((), OTHER_ERROR)


def classify_fault(error: BaseException, *, begun: bool) -> Verdict:
    """The verdict on a failure; ``begun`` says whether the connection had begun to take the form."""
    chain = tuple(_chain(error))
    fault = next((row for row in FAULTS if any(isinstance(link, row.causes) for link in chain)), _UNKNOWN_FAULT)
    return Verdict(Kind.UNCERTAIN if begun else fault.unsent, fault.code)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it wraps: requests and urllib3 keep the reason in args, ``reason`` or ``__cause__``."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = (*link.args, getattr(link, "reason", None), link.__cause__)
        waiting += [each for each in wrapped if isinstance(each, BaseException)]
