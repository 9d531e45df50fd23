"""A server that answers every command of Redis's protocol with what it was told to: a sentinel that is wrong, for example.

Takes the answer to each command by its name, or by its first two words; to any other it says OK. Gives its port; ends with the
context.
"""

import socketserver
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import cast


@contextmanager
def answering(answers: Mapping[str, str]) -> Iterator[int]:
    """Serve; an answer is written as the protocol wants it."""
    with _Server(("127.0.0.1", 0), _Client) as server:
        server.answers = {name.upper(): text.encode() for name, text in answers.items()}
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def array(*texts: str) -> str:
    """Texts as one answer."""
    return f"*{len(texts)}\r\n" + "".join(f"${len(text)}\r\n{text}\r\n" for text in texts)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    answers: dict[str, bytes]


class _Client(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while header := self.rfile.readline():
            words = [self._word() for _ in range(int(header[1:]))]
            answers = cast("_Server", self.server).answers
            named = (" ".join(words[:2]).upper(), words[0].upper())
            self.wfile.write(next((answers[name] for name in named if name in answers), b"+OK\r\n"))

    def _word(self) -> str:
        length = int(self.rfile.readline()[1:])
        return self.rfile.read(length + 2)[:-2].decode()
