"""Checks callbacks: calls the callback URL as the vendor would, and reads what receivers could not read or rejected.

The call is an empty POST on a path that belongs to no message, so it changes nothing; it takes a few seconds at most. It goes out
from this host, without a proxy of the environment. So if nothing answers here, the vendor may still get an answer: a warning. An
answer from anything but our receiver is an error. No finding contains the path, a key, or what was answered.
"""

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from smsrelay.contract.callback_token import PROBE, PROBE_ANSWER
from smsrelay.contract.key_ring import KeyRing
from smsrelay.receiver.refused_requests import Refusal
from smsrelay.store.connection import StoreRedis
from smsrelay.store.refusal_counts import RefusalCounts
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.finding import Finding, error, warning
from smsrelay_worker.operations.doctor.kind import Kind

_STEP_TIMEOUT = 3.0  # seconds for each step of a call
_TIMEOUT = 6.0  # seconds for the whole call, because resolving a name has no time-out of its own
_READ = 256  # bytes of an answer

_BY_STATUS = {
    401: Kind.CALLBACK_ASKS_FOR_LOGIN,
    403: Kind.CALLBACK_FORBIDDEN,
    405: Kind.CALLBACK_TAKES_NO_POST,
    502: Kind.CALLBACK_PROXY_WITHOUT_RECEIVER,
    503: Kind.CALLBACK_PROXY_WITHOUT_RECEIVER,
    504: Kind.CALLBACK_PROXY_WITHOUT_RECEIVER,
}
_REFUSALS = {
    Refusal.WRONG_PROOF: Kind.CALLBACKS_WITH_WRONG_PROOF,
    Refusal.CHANGED_PATH: Kind.CALLBACKS_WITH_CHANGED_PATH,
    Refusal.NOT_A_POST: Kind.CALLBACKS_THAT_ARE_NO_POST,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call: its status, and the start of its body."""

    status: int
    body: bytes


def examine_callback(url: str | None, keys: KeyRing, timeout: float = _TIMEOUT) -> list[Finding]:
    """Findings of a call to ``url`` (``timeout`` in seconds). Empty without a URL, which the check of the settings reports."""
    if url is None:
        return []
    base = url.rstrip("/")
    try:
        answer = _within(timeout, lambda: _call("POST", base + PROBE.path(keys)))
        if answer.status == 404:
            return [_not_found(_within(timeout, lambda: _call("GET", f"{base}/healthz")))]
    except (OSError, HTTPException, UnicodeError) as problem:
        return [_unanswered(problem)]
    return _verdict(answer)


def stored_callbacks(redis: StoreRedis, now: int) -> list[Finding]:
    """Requests that receivers rejected, as counted in the store by ``now`` (epoch ms)."""
    return refused_callbacks(RefusalCounts(redis, lambda: now).read())


def refused_callbacks(counts: Mapping[str, int]) -> list[Finding]:
    """Requests that receivers rejected. Strange paths are left out, because scanners try them all the time."""
    last = clock(counts.get("last", 0))
    return [warning("callbacks", kind, count=counts[why], last=last) for why, kind in _REFUSALS.items() if counts.get(why)]


def _verdict(answer: Answer) -> list[Finding]:
    if answer.status == 200 and answer.body == PROBE_ANSWER:
        return []
    if 300 <= answer.status < 400:
        kind = Kind.CALLBACK_REDIRECTS
    elif answer.status == 200:
        kind = Kind.CALLBACK_IS_NOT_OURS
    else:
        kind = _BY_STATUS.get(answer.status, Kind.CALLBACK_ANSWERS_STRANGELY)
    return [error("callback", kind, status=answer.status)]


def _not_found(health: Answer) -> Finding:
    if health == Answer(200, b"ok\n"):
        return error("callback", Kind.CALLBACK_KEYS_DIFFER)
    return error("callback", Kind.CALLBACK_PATH_UNKNOWN)


def _unanswered(problem: Exception) -> Finding:
    match problem:
        case socket.gaierror() | UnicodeError():
            return error("callback", Kind.CALLBACK_NAME_UNKNOWN)
        case ssl.SSLCertVerificationError():
            return error("callback", Kind.CALLBACK_CERTIFICATE_INVALID, reason=problem.verify_message)
        case ssl.SSLError():
            return error("callback", Kind.CALLBACK_TLS_FAILED, reason=problem.reason or "the handshake failed")
        case HTTPException():
            return error("callback", Kind.CALLBACK_SPEAKS_NO_HTTP)
    if isinstance(problem, ConnectionRefusedError | TimeoutError):
        refused = isinstance(problem, ConnectionRefusedError)
        return warning("callback", Kind.CALLBACK_REFUSED if refused else Kind.CALLBACK_SILENT)
    return warning("callback", Kind.CALLBACK_UNREACHABLE, reason=getattr(problem, "strerror", None) or type(problem).__name__)


def _call(method: str, url: str) -> Answer:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_STEP_TIMEOUT)
    try:
        headers = {"User-Agent": "smsrelay-doctor", "Content-Length": "0", "Connection": "close"}
        connection.request(method, parts.path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.read(_READ))
    finally:
        connection.close()


def _within(seconds: float, call: Callable[[], Answer]) -> Answer:
    """What the call returns or raises; ``TimeoutError`` if it takes longer, and then its thread is abandoned."""
    results: queue.Queue[Answer | Exception] = queue.Queue()

    def run() -> None:
        try:
            results.put(call())
        except Exception as problem:  # noqa: BLE001 - raised in the waiting thread
            results.put(problem)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result
