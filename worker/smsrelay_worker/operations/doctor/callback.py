"""The doctor's look at callbacks: calls the callback URL as the vendor would, and reads what the receivers kept or rejected.

The call is a POST without a body on a path that stands for no message, so it changes nothing; it lasts a few seconds at most. It
goes out from this host, without any proxy of the environment, so what does not answer here may still answer the vendor: a
warning. Whoever does answer and is not our receiver is an error. No finding holds the path, the secret, or what was answered.
"""

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from redis import Redis

from smsrelay.contract.callback_token import PROBE, PROBE_ANSWER
from smsrelay.receiver.refused_requests import Refusal
from smsrelay.store import keys
from smsrelay.store.refusal_counts import RefusalCounts
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.operations.doctor.finding import Finding, error, warning

_PATIENCE = 3.0  # seconds for each step of a call
_IN_ALL = 6.0  # seconds for all of it: resolving a name has no bound of its own
_READ = 256  # bytes of an answer

_RECEIVER = "SMSRELAY_CALLBACK_URL; the receiver, and what ends TLS before it (docs/operating.md, callbacks through a proxy)"
_SAID = {
    401: "asks for a password, and the vendor has none",
    403: "forbids it",
    405: "takes no POST",
    502: "does not reach the receiver (502)",
    503: "does not reach the receiver (503)",
    504: "does not reach the receiver (504)",
}

_MEANS = {
    Refusal.WRONG_PROOF: "wrong proof; the secret was changed, differs between workers and receiver, or somebody forges reports",
    Refusal.CHANGED_PATH: "changed path; a proxy changes it, and reports are lost",
    Refusal.NOT_A_POST: "not a POST; whoever calls back uses another method, and reports are lost",
}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call was answered with: the status, and how the body begins."""

    status: int
    body: bytes


def examine_callback(url: str | None, secret: bytes, patience: float = _IN_ALL) -> list[Finding]:
    """What a callback to ``url`` meets; ``patience`` in seconds. Nothing of no URL, which is a finding of its own."""
    if url is None:
        return []
    base = url.rstrip("/")
    try:
        answered = _within(patience, lambda: _call("POST", base + PROBE.path(secret)))
        if answered.status == 404:
            return [_not_found(_within(patience, lambda: _call("GET", f"{base}/healthz")))]
    except (OSError, HTTPException, UnicodeError) as problem:
        return [_unanswered(problem)]
    return _verdict(answered)


def stored_callbacks(redis: Redis, now: int) -> list[Finding]:
    """Of callbacks nobody could read, and of requests that receivers rejected, as they noted them by ``now`` (ms)."""
    kept = redis.zcard(keys.UNREADABLE_CALLBACKS)
    problem = f"{kept} callbacks that nobody could read are kept: their reports are not applied"
    remedy = "`smsrelay dead list`; `smsrelay dead replay ID` when a newer version reads them"
    unread = [warning("callbacks", problem, remedy)] if kept else []
    return [*unread, *refused_callbacks(RefusalCounts(redis, lambda: now).read())]


def refused_callbacks(counts: Mapping[str, int]) -> list[Finding]:
    """Of requests that receivers rejected; strange paths are left out, because scanners try them all the time."""
    last = clock(counts.get("last", 0))
    return [
        warning("callbacks", f"{counts[why]} requests to the receiver were rejected, the last at {last}: {means}", _RECEIVER)
        for why, means in _MEANS.items()
        if counts.get(why)
    ]


def _verdict(answered: Answered) -> list[Finding]:
    if answered.status == 200 and answered.body == PROBE_ANSWER:
        return []
    if 300 <= answered.status < 400:
        said = f"redirects ({answered.status}), and nobody promises that the vendor follows"
    elif answered.status == 200:
        said = "answers 200 and is not our receiver: every report it takes is lost"
    else:
        said = _SAID.get(answered.status, f"answers {answered.status}")
    return [error("callback", f"whoever answers at the callback URL {said}", _RECEIVER)]


def _not_found(health: Answered) -> Finding:
    if health == Answered(200, b"ok\n"):
        problem = "the receiver is there and does not know the path as its own (404): it has another SMSRELAY_SECRET"
        return error("callback", problem, "give workers and receiver the same secret")
    problem = "whoever answers at the callback URL does not know the path (404): it does not lead to the receiver as it should"
    return error("callback", f"{problem}, or the receiver has another SMSRELAY_SECRET", _RECEIVER)


def _unanswered(problem: Exception) -> Finding:
    if isinstance(problem, socket.gaierror | UnicodeError):
        return error("callback", "the callback URL's host has no address (DNS)", _RECEIVER)
    if isinstance(problem, ssl.SSLCertVerificationError):
        return error("callback", f"the callback URL's certificate does not hold: {problem.verify_message}", _RECEIVER)
    if isinstance(problem, ssl.SSLError):
        return error("callback", f"no TLS at the callback URL ({problem.reason or 'the handshake failed'})", _RECEIVER)
    if isinstance(problem, HTTPException):
        return error("callback", "what answers at the callback URL speaks no HTTP, or HTTP where TLS is meant", _RECEIVER)
    if isinstance(problem, ConnectionRefusedError):
        what = "nobody listens at the callback URL (refused)"
    elif isinstance(problem, TimeoutError):
        what = "the callback URL does not answer"
    else:
        what = f"the callback URL cannot be called ({getattr(problem, 'strerror', None) or type(problem).__name__})"
    return warning("callback", f"{what}, as seen from this host; the vendor may see it otherwise", _RECEIVER)


def _call(method: str, url: str) -> Answered:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
    try:
        headers = {"User-Agent": "smsrelay-doctor", "Content-Length": "0", "Connection": "close"}
        connection.request(method, parts.path, headers=headers)
        response = connection.getresponse()
        return Answered(response.status, response.read(_READ))
    finally:
        connection.close()


def _within(seconds: float, call: Callable[[], Answered]) -> Answered:
    """What the call returns or raises; ``TimeoutError`` when it takes too long, and then nobody waits for it any more."""
    told: queue.Queue[Answered | Exception] = queue.Queue()

    def run() -> None:
        try:
            told.put(call())
        except Exception as problem:  # noqa: BLE001 - handed over, and raised by who waits
            told.put(problem)

    threading.Thread(target=run, daemon=True).start()
    try:
        found = told.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found
