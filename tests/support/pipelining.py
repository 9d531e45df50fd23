"""Posts many bodies to an HTTP server over a few connections, several requests ahead of the answers: as fast as it goes.

Takes a port, a path, headers, and bodies. Returns the statuses of the answers, in the order of the bodies. Fails if the server
closes a connection, or does not answer within ``_PATIENCE`` seconds.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

_AHEAD = 32  # requests on a connection; the server takes 64
_CONNECTIONS = 8
_PATIENCE = 60.0


def post_all(port: int, path: str, headers: Mapping[str, str], bodies: Sequence[bytes]) -> list[int]:
    """The status of each answer."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    start = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{head}content-length: ".encode()
    return asyncio.run(_post_all(port, start, bodies))


async def _post_all(port: int, start: bytes, bodies: Sequence[bytes]) -> list[int]:
    statuses = [0] * len(bodies)
    places = iter(range(len(bodies)))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while some := list(_next(places, _AHEAD)):
            writer.write(b"".join(b"%s%d\r\n\r\n%s" % (start, len(bodies[place]), bodies[place]) for place in some))
            for place in some:
                statuses[place] = await asyncio.wait_for(_status(reader), _PATIENCE)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(_CONNECTIONS):
            group.create_task(connection())
    return statuses


def _next(places: Iterator[int], most: int) -> Iterator[int]:
    for _, place in zip(range(most), places, strict=False):
        yield place


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(length)
    return int(head[9:12])
