"""The webhooks of all apps: a process that verifies, notes, and then answers or fails at random.

Takes port, seed and the file of its notes. Every path but those of the apps is noted too, since nobody must ever ask for it.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import socket
import struct
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.sinks import misbehaviour
from tests.chaos.sinks.apps import BY_NAME
from tests.chaos.sinks.misbehaviour import Reaction, react
from tests.chaos.sinks.telling import WEBHOOK, Notes, Telling

_TOLERANCE = 300  # seconds between the signature's timestamp and now, as Standard Webhooks has it
_PARTS = 20  # of a body that trickles
_PAGE = b"taken, thank you\n"


class Receiver:
    """Answers requests; ``notes`` holds every one that came whole."""

    def __init__(self, notes: Notes, seed: int) -> None:
        self._notes = notes
        self._seed = seed
        self._times: Counter[str] = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        path = first.split(" ")[1]
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        event_id = headers.get("webhook-id", "")
        reaction = react(misbehaviour.WEBHOOK, self._seed, event_id, self._times[event_id])
        self._times[event_id] += 1
        self._note(path, headers, body, reaction)
        return await self._answer(writer, reaction)

    def _note(self, path: str, headers: Mapping[str, str], body: bytes, reaction: Reaction) -> None:
        genuine = verified(path, headers, body, time.time())
        text = body.decode("utf-8", "replace")
        at = time.time_ns() // 1_000_000
        self._notes.write(
            Telling(at, WEBHOOK, path, headers.get("webhook-id", ""), text, genuine, reaction.processes, reaction.name)
        )

    async def _answer(self, writer: asyncio.StreamWriter, reaction: Reaction) -> bool:
        """Answer; False when the connection is over."""
        await asyncio.sleep(reaction.delay)
        if reaction.status == 0:
            _reset(writer)
            return False
        if reaction.status < 0:
            writer.write(b"\x00\x01 this is no HTTP\r\n\r\n")
            return False
        body = b"" if reaction.status == 204 else _PAGE * _PARTS
        more = f"{reaction.header}\r\n" if reaction.header else ""
        length = "" if reaction.status == 204 else f"Content-Length: {len(body)}\r\n"
        writer.write(f"HTTP/1.1 {reaction.status} Said\r\n{more}{length}\r\n".encode())
        for start in range(0, len(body), len(_PAGE)):
            writer.write(body[start : start + len(_PAGE)])
            if reaction.trickle:
                await writer.drain()
                await asyncio.sleep(reaction.trickle / _PARTS)
        await writer.drain()
        return True


def verified(path: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether the app of this path may believe a request; written from the specification of Standard Webhooks."""
    app = BY_NAME.get(path.removeprefix("/"))
    stamp, event_id = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if app is None or not app.secrets or not stamp.isdecimal() or abs(now - int(stamp)) > _TOLERANCE:
        return False
    content = f"{event_id}.{stamp}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(app.key, content, hashlib.sha256).digest()).decode("ascii")
    return any(hmac.compare_digest(wanted, one) for one in headers.get("webhook-signature", "").split())


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _run(host: str, port: int, receiver: Receiver) -> None:
    server = await asyncio.start_server(receiver.serve, host, port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--notes", type=Path, required=True)
    given = parser.parse_args()
    asyncio.run(_run(given.host, given.port, Receiver(Notes(given.notes), given.seed)))
