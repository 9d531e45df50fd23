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

_STEP_TIMEOUT = 3.0  # seconds for each step of a call
_TIMEOUT = 6.0  # seconds for the whole call, because resolving a name has no time-out of its own
_READ = 256  # bytes of an answer

_RECEIVER = "check SMSRELAY_CALLBACK_URL, the receiver and its TLS proxy (docs/operating.md, Callbacks through a proxy)"
_BY_STATUS = {
    401: "asks for a password, which the vendor does not have",
    403: "forbids the request",
    405: "does not accept POST",
    502: "does not reach the receiver (502)",
    503: "does not reach the receiver (503)",
    504: "does not reach the receiver (504)",
}

_REFUSALS = {
    Refusal.WRONG_PROOF: "wrong proof; the key was changed, differs between workers and receiver, or somebody forges reports",
    Refusal.CHANGED_PATH: "changed path; a proxy rewrites it, and reports are lost",
    Refusal.NOT_A_POST: "not a POST; the caller uses another method, and reports are lost",
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
    return [
        warning("callbacks", f"{counts[why]} requests to the receiver were rejected, the last at {last}: {meaning}", _RECEIVER)
        for why, meaning in _REFUSALS.items()
        if counts.get(why)
    ]


def _verdict(answer: Answer) -> list[Finding]:
    if answer.status == 200 and answer.body == PROBE_ANSWER:
        return []
    if 300 <= answer.status < 400:
        what = f"redirects ({answer.status}), and the vendor may not follow"
    elif answer.status == 200:
        what = "answers 200 but is not our receiver: every report it takes is lost"
    else:
        what = _BY_STATUS.get(answer.status, f"answers {answer.status}")
    return [error("callback", f"the server at the callback URL {what}", _RECEIVER)]


def _not_found(health: Answer) -> Finding:
    if health == Answer(200, b"ok\n"):
        problem = "the receiver answers, but does not recognise the path as its own (404): it has other SMSRELAY_CALLBACK_KEYS"
        return error("callback", problem, "give workers and receiver the same keys")
    problem = "the server at the callback URL does not know the path (404): the URL does not lead to the receiver as it should"
    return error("callback", f"{problem}, or the receiver has other SMSRELAY_CALLBACK_KEYS", _RECEIVER)


def _unanswered(problem: Exception) -> Finding:
    if isinstance(problem, socket.gaierror | UnicodeError):
        return error("callback", "the callback URL's host does not resolve (DNS)", _RECEIVER)
    if isinstance(problem, ssl.SSLCertVerificationError):
        return error("callback", f"the callback URL's certificate is not valid: {problem.verify_message}", _RECEIVER)
    if isinstance(problem, ssl.SSLError):
        return error("callback", f"TLS failed at the callback URL ({problem.reason or 'the handshake failed'})", _RECEIVER)
    if isinstance(problem, HTTPException):
        return error("callback", "the server at the callback URL does not speak HTTP, or expects TLS", _RECEIVER)
    if isinstance(problem, ConnectionRefusedError):
        what = "nothing listens at the callback URL (connection refused)"
    elif isinstance(problem, TimeoutError):
        what = "the callback URL does not answer"
    else:
        what = f"the callback URL cannot be called ({getattr(problem, 'strerror', None) or type(problem).__name__})"
    return warning("callback", f"{what}, as seen from this host; it may look different to the vendor", _RECEIVER)


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
