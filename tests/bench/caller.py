"""A vendor that calls back, or an app that calls the HTTP API.

``python -m tests.bench.caller WHAT PORT CONNECTIONS RATE SECONDS FIRST``: WHAT is ``relay`` (signed paths) or ``baseline`` for
callbacks, and ``api`` for messages to be sent, with the key in BENCH_API_KEY. RATE 0 calls again as soon as a connection was
answered, any other number is so many calls a second at even distances, waiting or not. Leaves on standard output one JSON line:
calls answered, seconds they took, milliseconds each took since it was due, how many were not answered 200 or 202, own CPU
seconds. Every call is about another message.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections import deque

from smsrelay.contract.callback_token import CallbackToken
from tests.bench.sides import CALLBACK_KEYS

_LATE = 5.0  # seconds allowed at the end for outstanding calls to be answered


def request(what: str, number: int) -> bytes:
    """One call."""
    return _message(number) if what == "api" else _callback(what, number)


def _message(number: int) -> bytes:
    to = f"+86139{number % 100_000_000:08d}"
    body = b'{"to":"%s","template":"0000000","params":["394021"],"lane":"notice"}' % to.encode()
    key = os.environ["BENCH_API_KEY"]
    return _post("/v1/messages", body, f"Authorization: Bearer {key}\r\n")


def _callback(side: str, number: int) -> bytes:
    message_id = f"0199c0de-0000-7000-8000-{number:012x}"
    path = CallbackToken(message_id, 1).path(CALLBACK_KEYS) if side == "relay" else f"/callback/{message_id}"
    body = (
        b'{"reference_id":"65CA48A0752012689190921055936659","external_id":"%032x",'
        b'"status":{"updated_on":"2020-06-08T04:20:09.873298Z","code":200,"description":"Delivered to handset"}}'
    ) % number
    return _post(path, body)


def _post(path: str, body: bytes, header: str = "") -> bytes:
    more = f"{header}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}".encode() + body


class Calls:
    """All calls: those waiting to be made, and the results of those made."""

    def __init__(self, side: str, first: int, prepared: int) -> None:
        self._side = side
        self._next = first
        self._prepared = deque(request(side, first + place) for place in range(prepared))
        self.took: list[float] = []
        self.refused = 0
        self.idle: deque[Line] = deque()
        self.waiting: deque[float] = deque()  # instants at which calls without a connection were due
        self.going_on = True
        self.closed_loop = False

    def take(self) -> bytes:
        """The next request."""
        self._next += 1
        return self._prepared.popleft() if self._prepared else request(self._side, self._next)

    def due(self, at: float) -> None:
        """Make a call that is due at an instant, or let it wait for a connection."""
        if self.idle:
            self.idle.popleft().call(at)
        else:
            self.waiting.append(at)

    def free(self, line: "Line") -> None:
        """A connection got its answer and is free."""
        if self.waiting:
            line.call(self.waiting.popleft())
        elif self.closed_loop and self.going_on:
            line.call(time.perf_counter())
        else:
            self.idle.append(line)


class Line(asyncio.Protocol):
    """One connection, one call at a time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._due = 0.0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._calls.idle.append(self)

    def call(self, due: float) -> None:
        self._due = due
        self._transport.write(self._calls.take())

    def data_received(self, data: bytes) -> None:
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if end < 0 or len(self._answer) < end + 4 + _length(self._answer[:end]):
            return
        self._calls.took.append((time.perf_counter() - self._due) * 1000)
        self._calls.refused += not self._answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202"))
        self._answer = b""
        self._calls.free(self)


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def _run(calls: Calls, port: int, connections: int, rate: float, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Line(calls), "127.0.0.1", port)
    calls.closed_loop = rate == 0
    started = time.perf_counter()
    if calls.closed_loop:
        while calls.idle:
            calls.idle.popleft().call(time.perf_counter())
        await asyncio.sleep(seconds)
    else:
        await _at_even_distances(calls, rate, started, seconds)
    calls.going_on = False
    lasted = time.perf_counter() - started
    while len(calls.idle) < connections and time.perf_counter() - started < lasted + _LATE:
        await asyncio.sleep(0.02)
    return lasted


async def _at_even_distances(calls: Calls, rate: float, started: float, seconds: float) -> None:
    made = 0
    while (now := time.perf_counter() - started) < seconds:
        while made / rate <= now:
            calls.due(started + made / rate)  # timed from when it was due, so that a stall counts for every call it delayed
            made += 1
        await asyncio.sleep(0.001)


def main() -> None:
    """Call."""
    side, port, connections, rate, seconds, first = sys.argv[1], *map(float, sys.argv[2:7])
    calls = Calls(side, int(first), int((rate or 5_000) * seconds))
    gc.freeze()
    cpu = time.process_time()
    lasted = asyncio.run(_run(calls, int(port), int(connections), rate, seconds))
    answered = len(calls.took)
    unanswered = len(calls.waiting) + int(connections) - len(calls.idle)
    told = {"answered": answered, "seconds": lasted, "refused": calls.refused, "unanswered": unanswered}
    print(json.dumps(told | {"cpu": time.process_time() - cpu, "took": [round(one, 3) for one in calls.took]}))


if __name__ == "__main__":
    main()
