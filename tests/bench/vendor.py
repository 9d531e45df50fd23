"""The vendor of the benchmark: accepts every submit after a fixed latency and records when it arrived.

``python -m tests.bench.vendor PORT LATENCY`` (seconds). Takes submits as form posts and returns the vendor's answer. The
benchmark reads ``GET /arrivals`` (pairs of int64: CLOCK_MONOTONIC in ns, digits of the number) and ``GET /stats`` (JSON: how many
arrived, this process's CPU seconds). There are no random failures; a request that is not HTTP ends its connection. It parses no
more than it needs, so that it does not become the bottleneck being measured.
"""

import array
import asyncio
import gc
import json
import sys
import time

_ANSWER = b'{"code":"0000","msg":"\xe6\x88\x90\xe5\x8a\x9f\xe3\x80\x82","externalId":"%032x","requestId":"%032x"}'
_DIGITS = b"mobile=%2B"


class Arrivals:
    """When each number arrived, in flat arrays, so that the garbage collector never pauses the vendor."""

    def __init__(self) -> None:
        self.pairs = array.array("q")

    def __len__(self) -> int:
        return len(self.pairs) // 2

    def note(self, body: bytes) -> int:
        """Record one submit; returns its position among all."""
        start = body.find(_DIGITS) + len(_DIGITS)
        digits = body[start : body.find(b"&", start)]
        self.pairs.append(time.monotonic_ns())
        self.pairs.append(int(digits) if digits.isdigit() else 0)
        return len(self)


class Exchange(asyncio.Protocol):
    """One connection: successive requests, each answered after the latency."""

    def __init__(self, arrivals: Arrivals, latency: float) -> None:
        self._arrivals = arrivals
        self._latency = latency
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            whole = end + 4 + _length(self._buffer[:end])
            if len(self._buffer) < whole:
                return
            line, body = self._buffer[: self._buffer.find(b"\r\n")], self._buffer[end + 4 : whole]
            self._buffer = self._buffer[whole:]
            self._take(line, body)

    def _take(self, line: bytes, body: bytes) -> None:
        if line.startswith(b"POST "):
            place = self._arrivals.note(body)
            asyncio.get_running_loop().call_later(self._latency, self._answer, _ANSWER % (place, place))
        elif line.startswith(b"GET /arrivals"):
            self._answer(self._arrivals.pairs.tobytes())
        elif line.startswith(b"GET /stats"):
            self._answer(json.dumps({"arrived": len(self._arrivals), "cpu": time.process_time()}).encode())
        else:
            self._transport.close()

    def _answer(self, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )


def _length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def _serve(port: int, latency: float) -> None:
    arrivals = Arrivals()
    server = await asyncio.get_running_loop().create_server(lambda: Exchange(arrivals, latency), "127.0.0.1", port, backlog=4096)
    gc.freeze()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
