"""``smsrelay`` run to its end in a process of its own, which is spared its imports: it is forked from one that has done them.

It has the arguments, environment, folder, standard streams and end of one that a shell starts; imports are most of what that
one costs. What depends on how Python starts and what it imports, or on what the kernel shows of a process, needs a real one.
"""

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.support.command_forker import LARGEST

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 60.0  # seconds a command may take


def run_command(
    arguments: Sequence[str], environment: Mapping[str, str], *, folder: Path = _ROOT, given: bytes = b"", merged: bool = False
) -> "subprocess.CompletedProcess[str]":
    """Exit code, standard output and standard error; ``given``: its standard input; ``merged``: errors go where output goes.

    Raises ``subprocess.TimeoutExpired``, having killed it.
    """
    request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
    reading, writing = os.pipe()
    feeder = threading.Thread(target=_feed, args=(writing, given))
    feeder.start()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            code = _forker().run(request, (reading, output.fileno(), (output if merged else errors).fileno()))
        finally:
            os.close(reading)
            feeder.join()
        said = []
        for stream in (output, errors):
            stream.seek(0)
            said.append(stream.read().decode())
    return subprocess.CompletedProcess(list(arguments), code, *said)


class _Forker:
    """The process that forks, one run after another."""

    def __init__(self) -> None:
        self._asked, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.command_forker", str(theirs.fileno())],
                cwd=_ROOT,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._one_at_a_time = threading.Lock()
        atexit.register(self._close)

    def run(self, request: Mapping[str, object], descriptors: Sequence[int]) -> int:
        """The exit code; negative for a signal, as ``subprocess`` has it."""
        message = json.dumps(request).encode()
        assert len(message) < LARGEST, f"{len(message)} bytes are no request"
        with self._one_at_a_time:
            socket.send_fds(self._asked, [message], list(descriptors))
            pid = self._asked.recv(64)
            assert pid, "the process that forks has ended"
            self._asked.settimeout(_PATIENCE)
            try:
                status = self._asked.recv(64)
            except TimeoutError:
                os.kill(int(pid), signal.SIGKILL)
                self._asked.settimeout(None)
                self._asked.recv(64)
                raise subprocess.TimeoutExpired(str(request["arguments"]), _PATIENCE) from None
            self._asked.settimeout(None)
        return os.waitstatus_to_exitcode(int(status))

    def _close(self) -> None:
        self._asked.close()
        self._process.wait()


_forker = cache(_Forker)


def _feed(writing: int, given: bytes) -> None:
    with open(writing, "wb", buffering=0) as stream, contextlib.suppress(BrokenPipeError):  # it may end without reading
        stream.write(given)
