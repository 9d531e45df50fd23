"""A TCP proxy that misbehaves on command: every connection between processes that a fault may cut goes through it.

Takes routes as arguments (``store=6400:6390``, or several comma-separated targets after the colon, among which connections are
spread), then one JSON object per line on standard input: ``{"route": "store", "do": "cut"}``. Prints ``ready``, then ``ok`` after
each command. Ends when its standard input does.

``cut`` resets every open connection · ``refuse`` also accepts no new ones · ``silence`` forwards nothing but keeps all
connections open · ``deafen`` forwards requests and drops their answers · ``open`` ends any of these.
"""

import asyncio
import itertools
import json
import socket
import struct
import sys

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends RST
_CHUNK = 1 << 16


class Route:
    """One listening port and where it leads."""

    def __init__(self, listen: int, targets: list[int]) -> None:
        self._listen = listen
        self._targets = targets
        self._next = itertools.count()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._deaf = False
        self._ends: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Accept connections and forward."""
        self._deaf = False
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._listen, backlog=1024)

    async def cut(self) -> None:
        """Reset every open connection."""
        for end in list(self._ends):
            _reset(end)

    async def refuse(self) -> None:
        """Accept no new connections, and reset the open ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def silence(self) -> None:
        """Forward nothing."""
        self._flowing.clear()

    async def deafen(self) -> None:
        """Forward requests, and drop their answers."""
        self._deaf = True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        far = await self._reach()
        if far is None:
            self._ends.discard(writer)
            _reset(writer)
            return
        self._ends.add(far[1])
        await asyncio.gather(self._pump(reader, far[1]), self._pump(far[0], writer, answers=True))
        for end in (writer, far[1]):
            self._ends.discard(end)
            end.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Connect to the next target, or to another one when it is down."""
        first = next(self._next)
        for place in range(len(self._targets)):
            target = self._targets[(first + place) % len(self._targets)]
            try:
                return await asyncio.open_connection("127.0.0.1", target)
            except OSError:
                continue
        return None

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                await self._flowing.wait()
                if not (answers and self._deaf):
                    writer.write(chunk)
                    await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):  # the other end is gone, so close this one
            _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and not writer.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _route(text: str) -> tuple[str, Route]:
    name, _, ports = text.partition("=")
    listen, _, targets = ports.partition(":")
    return name, Route(int(listen), [int(target) for target in targets.split(",")])


async def _obey(routes: dict[str, Route]) -> None:
    for route in routes.values():
        await route.open()
    commands = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while line := await commands.readline():
        command = json.loads(line)
        route = routes[command["route"]]
        actions = (route.open, route.cut, route.refuse, route.silence, route.deafen)
        await {action.__name__: action for action in actions}[command["do"]]()
        print("ok", flush=True)


def main() -> None:
    """Serve until standard input ends."""

    async def serve() -> None:
        await _obey(dict(_route(text) for text in sys.argv[1:]))

    asyncio.run(serve())


if __name__ == "__main__":
    main()
