"""What a load balancer in front of the receivers does: one address, and each connection goes to the next one that takes it.

``python -m tests.chaos.hosts.balancer 10.77.2.20:8100 10.77.2.11:8025 10.77.2.12:8025``: where it listens, and where it leads. A
target that did not answer is left out for a few seconds.
"""

import asyncio
import contextlib
import itertools
import sys
import time

_CONNECT = 0.5  # seconds
_LEFT_OUT = 3.0  # seconds
_CHUNK = 1 << 16


class Balancer:
    """Spreads connections."""

    def __init__(self, targets: list[tuple[str, int]]) -> None:
        self._targets = targets
        self._next = itertools.count()
        self._failed: dict[tuple[str, int], float] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        far = await self._reach()
        if far is not None:
            await asyncio.gather(_pump(reader, far[1]), _pump(far[0], writer))
            far[1].close()
        writer.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first, now = next(self._next), time.monotonic()
        turn = [self._targets[(first + place) % len(self._targets)] for place in range(len(self._targets))]
        for target in sorted(turn, key=lambda one: now - self._failed.get(one, 0.0) < _LEFT_OUT):
            try:
                async with asyncio.timeout(_CONNECT):
                    return await asyncio.open_connection(*target)
            except OSError:  # a time-out is one
                self._failed[target] = time.monotonic()
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # the other end is gone
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
        return
    writer.transport.abort()


async def _run(listen: tuple[str, int], targets: list[tuple[str, int]]) -> None:
    server = await asyncio.start_server(Balancer(targets).serve, *listen, backlog=1024)
    async with server:
        await server.serve_forever()


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(_run(_place(sys.argv[1]), [_place(text) for text in sys.argv[2:]]))
