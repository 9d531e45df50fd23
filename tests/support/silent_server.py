"""A server that accepts every connection, reads what comes, and never answers.

Yields its port; it is closed, with every connection, on leaving the context.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=_accept, args=(listening, accepted), daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in accepted:
                connection.close()


def _accept(listening: socket.socket, accepted: list[socket.socket]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        accepted.append(connection)
