"""A proxy in front of Redis that counts what clients send: ``python -m tests.bench.counter PORT REDIS_PORT FILE``.

Forwards the bytes between Redis clients and Redis unchanged. On every SIGUSR1 it writes a JSON object to FILE: how many commands
of each name were sent, scripts by their file; and how many sends there were, which is about the number of round trips. Commands
inside scripts are not visible here and cost no round trip. The proxy delays every command by about 0.1 ms, so measure counts with
it and speeds without it.
"""

import asyncio
import hashlib
import json
import signal
import sys
from collections import Counter
from itertools import permutations
from pathlib import Path

from tests.bench.processes import ROOT

_PRELUDES = (
    "ids.lua",
    "number_index.lua",
    "caps.lua",
    "halts.lua",
    "counts.lua",
)  # a script may begin with some of them, in any order


def scripts() -> dict[str, str]:
    """The file of each script, by the digest that Redis knows it by."""
    files = [path for package in ("producers", "worker") for path in (ROOT / package).rglob("*.lua")]
    preludes = [path.read_text("utf-8") for path in files if path.name in _PRELUDES]
    begins = ["\n".join([*some, ""]) for count in range(len(preludes) + 1) for some in permutations(preludes, count)]
    return {_digest(begin + path.read_text("utf-8")): path.name for path in files for begin in begins}


def _digest(source: str) -> str:
    return hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


_SCRIPTS = scripts()
_RATED = "rate "


class Reader:
    """Parses RESP commands (arrays of bulk strings) from a stream, however it was split."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._buffer = b""
        self._words: list[bytes] = []
        self._missing = 0

    def feed(self, data: bytes) -> None:
        """Count every command that is complete so far."""
        self._buffer += data
        place = 0
        while (end := self._buffer.find(b"\r\n", place)) >= 0:
            kind, number = self._buffer[place : place + 1], int(self._buffer[place + 1 : end])
            if kind == b"*":
                self._words, self._missing, place = [], number, end + 2
                continue
            if len(self._buffer) < end + 2 + number + 2:
                break
            self._words.append(self._buffer[end + 2 : end + 2 + number])
            place = end + 2 + number + 2
            if len(self._words) == self._missing:
                self._counts[_named(self._words)] += 1
        self._buffer = self._buffer[place:]


def _named(words: list[bytes]) -> str:
    """A command's name; for a script its file, prefixed with ``rate`` when it concerns the shared rate."""
    name = words[0].decode().upper()
    if name != "EVALSHA":
        return f"{_RATED}{name}" if any(map(_is_of_the_rate, words[1:2])) else name
    script = _SCRIPTS.get(words[1].decode(), words[1].decode())
    return f"{_RATED if any(map(_is_of_the_rate, words[3 : 3 + int(words[2])])) else ''}{name} {script}"


def _is_of_the_rate(key: bytes) -> bool:
    return key.startswith(b"{sms}:rate") and not key.startswith(b"{sms}:rate:pull")


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: "Reader | None", counts: Counter[str]) -> None:
    try:
        while data := await reader.read(262_144):
            if seen is not None:
                counts["sent"] += 1
                seen.feed(data)
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # one side is gone, so close the other
    writer.close()


async def _serve(port: int, redis_port: int, path: Path) -> None:
    counts: Counter[str] = Counter()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", redis_port)
        await asyncio.gather(_pass(reader, to_redis, Reader(counts), counts), _pass(from_redis, writer, None, counts))

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: path.write_text(json.dumps(counts), encoding="utf-8"))
    async with server:
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
