"""Classifies what the Aliyun API gateway answered, or what failed on the way to it: was the SMS sent, and what may be done next?

Two tables. ``RESPONSES`` takes the status, error code and message of a response; ``FAULTS`` takes an exception and whether the
connection had begun to take the form. Both give a ``Verdict`` by the first row that matches. When in doubt it is UNCERTAIN,
because a wrong "not sent" sends an SMS twice.

Sources: Alibaba Cloud API Gateway, "Error codes" (document 43906; for classic instances, which send messages without a code, the
copies at developer.aliyun.com/ask/278260 and /278259) and "Troubleshoot D504CO errors"; RFC 9110 for bare statuses.
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
_NO_ERROR = {"", "ok", "success"}  # values of X-Ca-Error-Message when the vendor answered


@dataclass(frozen=True, slots=True)
class Verdict:
    """Kind and code of the ``Answer`` to give."""

    kind: Kind
    code: str


@dataclass(frozen=True, slots=True)
class Head:
    """The parts of a response's head that show who answered."""

    status: int
    error_code: str = ""  # X-Ca-Error-Code
    # X-Ca-Error-Message. Never shown: the answer to an invalid signature quotes the string to sign, with the number in it.
    error_message: str = ""

    @property
    def from_gateway(self) -> bool:
        """Whether the gateway itself answered. Classic instances send only a message, some of them even for success."""
        said = self.error_message.casefold().split(",")  # a repeated header arrives joined by commas
        return bool(self.error_code.strip()) or any(part.strip() not in _NO_ERROR for part in said)

    @property
    def from_vendor(self) -> bool:
        """Whether the body is the vendor's."""
        return not self.from_gateway and 200 <= self.status < 300

    @property
    def wording(self) -> str:
        """The gateway's own part of the message, in lower case: after the first backtick it quotes the request."""
        return " ".join(self.error_message.partition("`")[0].casefold().split())


_4XX = range(400, 500)
_ANY = range(1000)


@dataclass(frozen=True, slots=True)
class Row:
    """One class of responses. A condition that is left out matches everything."""

    kind: Kind
    code: str = ""  # pattern at the start of the error code: a letter for its class, then the HTTP status
    message: str = ""  # start of the wording, in lower case
    words: tuple[str, ...] = ()  # any of them occurs in the wording, and there is no error code
    statuses: Container[int] = _ANY
    by_gateway: bool = False  # only responses of the gateway itself
    name: str = ""  # our code when the gateway gave none; default: http_<status>

    def fits(self, head: Head) -> bool:
        """Whether all conditions of the row hold."""
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
    # Halted. A: credentials, B: quota, arrears, subscription, ban. No message can succeed until somebody fixes it.
    Row(Kind.HALTED, code=r"A\d"),
    Row(Kind.HALTED, code=r"B\d"),
    Row(Kind.HALTED, code="I403AA"),  # unauthorized
    Row(Kind.HALTED, code="S403T"),  # timestamp outside its 15 minutes: our clock is off [inferred]
    Row(Kind.HALTED, code="I400(HD|MH|NC|CT|I5)"),  # a bad header, and ours are the same for every message
    # Every attempt has a new nonce. "Used before" means that a copy of this very attempt got through [inferred].
    Row(Kind.UNCERTAIN, code="S403NU"),
    # Route and API definition are the same for every message, too, and either may be fixed on the vendor's side.
    Row(Kind.UNREACHABLE, code="I400(SG|PA|RU)|X4"),
    # The gateway calls this a failed connect, but its backend closed a connection that was already in use.
    Row(Kind.UNCERTAIN, code="D504CO", message="backend service connect failed 'connection is closed"),
    Row(Kind.UNCERTAIN, code="D504CO", message="backend service connect failed 'connection reset"),
    Row(Kind.UNREACHABLE, code="D504CO"),
    Row(Kind.UNREACHABLE, code="D504CS"),
    Row(Kind.UNREACHABLE, code="D504IL"),
    Row(Kind.UNREACHABLE, code="D503"),
    # From here on by message, because classic instances send no code. First those about account, clock and headers.
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
    Row(Kind.UNCERTAIN, message="nonce used", name="nonce_used"),  # as S403NU above
    # The route. These names differ from those of FAULTS.
    Row(Kind.UNREACHABLE, message="invalid url", statuses=_4XX, name="unknown_url"),
    Row(Kind.UNREACHABLE, message="invalid domain", statuses=_4XX, name="unknown_domain"),
    Row(Kind.UNREACHABLE, message="invalid httpmethod", statuses=_4XX, name="unknown_method"),
    Row(Kind.UNREACHABLE, message="invalid stage", statuses=_4XX, name="unknown_stage"),
    Row(Kind.UNREACHABLE, message="api not found", statuses=_4XX, name="api_not_found"),
    # Requests we never send: something on the way changed the request, or the API definition has changed.
    Row(Kind.UNREACHABLE, message="empty request body", statuses=_4XX, name="empty_request_body"),
    Row(Kind.UNREACHABLE, message="unsupported multipart", statuses=_4XX, name="unsupported_multipart"),
    Row(Kind.UNREACHABLE, message="invalid content-md5", statuses=_4XX, name="invalid_content_md5"),
    Row(Kind.REFUSED, message="invalid request body", statuses=_4XX, name="invalid_request_body"),
    Row(Kind.REFUSED, message="invalid param location", statuses=_4XX, name="invalid_param_location"),
    Row(Kind.THROTTLED, statuses={429}),
    Row(Kind.THROTTLED, words=("throttled", "throttling", "flow control"), statuses=_4XX, name="throttled"),
    # From here on by status alone.
    Row(Kind.UNCERTAIN, statuses={303}),  # See Other: "processed, look there"
    Row(Kind.HALTED, statuses=range(300, 400)),  # the API has moved: nothing arrives until the URL is changed
    Row(Kind.HALTED, statuses={401, 402, 407}),  # credentials and payment, by definition
    Row(Kind.UNCERTAIN, statuses={408}),  # the server gave up waiting, without saying for what
    # Our route never changes, so a missing one is about the URL or a deployment at the vendor's, never about this message.
    Row(Kind.UNREACHABLE, statuses={404, 405, 410, 421, 451}),
    # Every documented 403 of the gateway is about account, route or flow control. An undocumented one does not fail the message:
    # it is retried, and a wave of them opens the circuit.
    Row(Kind.UNREACHABLE, statuses={403}, by_gateway=True),
    Row(Kind.REFUSED, statuses=_4XX),
    Row(Kind.UNREACHABLE, statuses={503}),
    Row(Kind.UNCERTAIN),  # 500 502 504, D502… D504TO N502… X500…, and everything else
)


def classify_response(head: Head) -> Verdict:
    """The verdict on a response that did not come from the vendor itself."""
    row = next(row for row in RESPONSES if row.fits(head))
    return Verdict(row.kind, safe_code(head.error_code) or row.name or f"http_{head.status}")


@dataclass(frozen=True, slots=True)
class Fault:
    """One class of failures, recognised by the exception or by any exception it wraps."""

    causes: tuple[type[BaseException], ...]
    code: str
    unsent: Kind = Kind.UNREACHABLE  # the kind before the form began to leave; afterwards every failure is UNCERTAIN


FAULTS = (
    # An unusable URL or header is the same for every message. HALTED only if nothing was sent: urllib3 raises InvalidHeader for a
    # bad header of the answer as well.
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
    # If nothing was sent, the TLS handshake took longer than the connect timeout.
    Fault((requests.ReadTimeout, urllib3.ReadTimeoutError), "read_timeout"),
    Fault((requests.Timeout, urllib3.TimeoutError, TimeoutError), "timeout"),
    # The server closed the connection. That includes an idle one that it closed just as the request was written to it.
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
    """The verdict on a failure; ``begun``: the connection had begun to take the form."""
    chain = tuple(_chain(error))
    fault = next((row for row in FAULTS if any(isinstance(link, row.causes) for link in chain)), _UNKNOWN_FAULT)
    return Verdict(Kind.UNCERTAIN if begun else fault.unsent, fault.code)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it wraps: requests and urllib3 keep the reason in args, ``reason`` or ``__cause__``."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = (*link.args, getattr(link, "reason", None), link.__cause__)
        waiting += [each for each in wrapped if isinstance(each, BaseException)]
