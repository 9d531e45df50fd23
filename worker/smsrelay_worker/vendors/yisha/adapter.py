"""The adapter to 北京一砂 (esandinfo) on the Aliyun marketplace: one attempt becomes one POST.

Takes a ``Submission``, returns an ``Answer``. Failures on the way are answers too, classified by the tables in ``gateway``.
Only settings that cannot work raise, when the adapter is built. Nothing here logs, so numbers, parameters and keys stay inside.

1. +86 numbers take the domestic route, all others the international one.
2. The form is built. If a value cannot be carried in the vendor's list, the message is refused and nothing is sent.
3. A nonce and a timestamp are drawn, and the credentials add their headers.
4. One POST, without retries or redirects. It is skipped if the deadline has passed by the time the connection is open.
5. The gateway's headers, or the status, say who answered. Only the vendor's own body is read, at most 64 KiB of it.
6. Of the vendor's own wording only what ``masking`` lets through leaves this module, and nothing when it accepted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from smsrelay_worker.vendors.base import DEADLINE_PASSED, Answer, Kind, Submission
from smsrelay_worker.vendors.yisha.credentials import ACCEPT, CONTENT_TYPE, Call, Credentials
from smsrelay_worker.vendors.yisha.gateway import Head, classify_fault, classify_response
from smsrelay_worker.vendors.yisha.http import Post
from smsrelay_worker.vendors.yisha.masking import masked
from smsrelay_worker.vendors.yisha.nonce import Nonces
from smsrelay_worker.vendors.yisha.params import AmbiguousParamsError, serialiser
from smsrelay_worker.vendors.yisha.reply import parse_reply, safe_id
from smsrelay_worker.vendors.yisha.request_body import Form, TooLate

DOMESTIC_PATH = "/comms/sms/sendmsg"
INTL_PATH = "/comms/sms/sendmsgall"
PULL_PATH = "/comms/sms/pullSmsSendStatus"  # on the international host; on the domestic one unknown
ACCEPTED = "0000"
BODY_LIMIT = 64 * 1024  # bytes; a real answer has about 150
LONGEST_WAIT = 3600.0  # seconds; a longer Retry-After is taken for a mistake and capped


@dataclass(frozen=True, slots=True)
class YishaAccount:
    """URLs and credentials to submit with. URLs are bases (``https://intlsms.market.alicloudapi.com``); routes are appended."""

    domestic_url: str
    intl_url: str
    credentials: Credentials = field(repr=False)
    serialiser: str = "plain"  # a name in SERIALISERS
    channel: str | None = None  # 0 default, 1 high quality; None leaves the field out
    connect_timeout: float = 10.0  # seconds; both defaults are those of the vendor's own clients
    read_timeout: float = 20.0  # seconds

    def __post_init__(self) -> None:
        for name, url in (("domestic_url", self.domestic_url), ("intl_url", self.intl_url)):
            _check_base(name, url)
        serialiser(self.serialiser)


new_nonce = Nonces()  # one generator for the whole process, so that no two attempts share a nonce


def epoch_ms() -> int:
    """Milliseconds since the epoch by the wall clock, which the gateway compares with its own."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _Route:
    """A URL, and its path, which the signature covers."""

    url: str
    path: str

    @classmethod
    def of(cls, base: str, path: str) -> "_Route":
        url = base.rstrip("/") + path
        return cls(url, urlsplit(url).path)


class Yisha:
    """Implements ``Vendor`` for 一砂. Safe to share between any number of threads."""

    def __init__(
        self,
        account: YishaAccount,
        session: requests.Session,
        *,
        nonce: Callable[[], str] = new_nonce,
        wall_ms: Callable[[], int] = epoch_ms,
        measure: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account = account
        self._session = session
        self._domestic = _Route.of(account.domestic_url, DOMESTIC_PATH)
        self._intl = _Route.of(account.intl_url, INTL_PATH)
        self._pull = _Route.of(account.intl_url, PULL_PATH)
        self._timeout = (account.connect_timeout, account.read_timeout)
        self._serialise = serialiser(account.serialiser)
        self._nonce = nonce
        self._wall_ms = wall_ms
        self._measure = measure

    def submit(self, submission: Submission) -> Answer:
        """Submit one attempt; never raises for network or vendor faults."""
        try:
            fields = self._fields(submission)
        except AmbiguousParamsError:
            return Answer(Kind.REFUSED, "ambiguous_params")
        form = Form(fields, submission.not_after, self._measure)
        answer = self._post(self._route(submission.to), fields, form, submission)
        return _without_number(answer, submission.to)

    def pull(self, external_id: str) -> bytes | None:
        """The vendor's raw answer about one submit. Its shape is not documented, so it is not parsed here."""
        fields = {"externalId": external_id}
        try:
            with self._open(self._pull, fields, Form(fields)) as response:
                return self._body(response) if _head(response).from_vendor else None
        except (OSError, HTTPError, HTTPException):
            return None  # whatever it was, all we can do is ask again later

    def _route(self, to: str) -> "_Route":
        # Hong Kong, Macao and Taiwan (+852 +853 +886) go abroad, and do not begin with +86.
        return self._domestic if to.startswith("+86") else self._intl

    def _fields(self, submission: Submission) -> dict[str, str]:
        fields = {
            "mobile": submission.to,
            "templateID": submission.template,  # a string: leading zeros are significant
            "templateParamSet": self._serialise(submission.params),
            "callbackUrl": submission.callback_url,
            "channel": self._account.channel,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _headers(self, path: str, fields: dict[str, str]) -> dict[str, str]:
        call = Call(path, fields, self._nonce(), self._wall_ms())
        return {"Accept": ACCEPT, "Content-Type": CONTENT_TYPE, **self._account.credentials.headers(call)}

    def _post(self, route: "_Route", fields: dict[str, str], form: Form, submission: Submission) -> Answer:
        request_id = None
        try:
            with self._open(route, fields, form) as response:
                request_id = safe_id(response.headers.get("X-Ca-Request-Id"))
                return self._answer(response, request_id, submission)
        except TooLate:
            return Answer(Kind.UNREACHABLE, DEADLINE_PASSED)
        # requests lets some of urllib3's exceptions through, and the body is read from urllib3 directly.
        except (OSError, HTTPError, HTTPException) as error:
            verdict = classify_fault(error, begun=form.begun)
            return Answer(verdict.kind, verdict.code, request_id=request_id)

    def _open(self, route: "_Route", fields: dict[str, str], form: Form) -> requests.Response:
        post = Post(route.url, self._headers(route.path, fields), form, len(form))
        return self._session.get_adapter(route.url).send(post, stream=True, timeout=self._timeout)

    def _answer(self, response: requests.Response, request_id: str | None, submission: Submission) -> Answer:
        head = _head(response)
        if head.from_vendor:
            return _vendor_answer(self._body(response), request_id, submission)
        verdict = classify_response(head)
        wait = self._retry_after(response) if verdict.kind is Kind.THROTTLED else None
        return Answer(verdict.kind, verdict.code, request_id=request_id, retry_after=wait)

    def _body(self, response: requests.Response) -> bytes:
        """At most ``BODY_LIMIT`` bytes, within one read timeout overall, so that a server that trickles cannot hold a worker."""
        deadline = self._measure() + self._account.read_timeout
        body = bytearray()
        while len(body) < BODY_LIMIT:
            part = response.raw.read1(BODY_LIMIT - len(body), decode_content=True)
            if not part:
                break
            body += part
            if self._measure() > deadline:
                raise requests.ReadTimeout
        return bytes(body)

    def _retry_after(self, response: requests.Response) -> float | None:
        """Seconds, from either form of the header (RFC 9110); None when it is absent or unreadable."""
        value = response.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdecimal():
            seconds = float(value[:9])
        else:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - self._wall_ms() / 1000
            except (ValueError, OverflowError):
                return None
        return min(max(seconds, 0.0), LONGEST_WAIT)


def _without_number(answer: Answer, to: str) -> Answer:
    """The answer without any code or id that contains the recipient's number: those are logged."""
    number = to[-8:]
    if number not in f"{answer.code} {answer.external_id} {answer.request_id}":
        return answer

    def safe(part: str | None) -> str | None:
        return None if part is not None and number in part else part

    return replace(
        answer,
        code=safe(answer.code) or "withheld",
        external_id=safe(answer.external_id),
        request_id=safe(answer.request_id),
        id_withheld=answer.has_id and safe(answer.external_id) is None,
    )


def _head(response: requests.Response) -> Head:
    headers = response.headers
    return Head(response.status_code, headers.get("X-Ca-Error-Code", ""), headers.get("X-Ca-Error-Message", ""))


def _vendor_answer(body: bytes, request_id: str | None, submission: Submission) -> Answer:
    reply = parse_reply(body)
    if reply is None:
        return Answer(Kind.UNCERTAIN, "unparsable", request_id=request_id)
    answer = Answer(Kind.ANSWERED, reply.code, reply.external_id, reply.request_id or request_id, id_withheld=reply.id_withheld)
    if reply.code == ACCEPTED or not reply.message:
        return answer
    proof = (submission.callback_url or "").rpartition("/")[2]
    return replace(answer, message=masked(reply.message, (submission.to, *submission.params, proof)))


def _check_base(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{name}: must be http(s)://host, without query and fragment")
