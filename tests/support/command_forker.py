"""A process that has imported ``smsrelay`` with every command, and forks itself for each run it is asked for.

``python -m tests.support.command_forker FD``, started by ``forked_command``: FD is a socket on which a request is a message of
JSON with three descriptors; answered with the pid, and with the wait status once the process has ended. It ends with its socket.
"""

import gc
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from smsrelay_worker.cli import main
from smsrelay_worker.cli.commands import COMMANDS
from smsrelay_worker.cli.extras import lacks

LARGEST = 200_000  # bytes of a request: what a packet holds by the kernel's default


def _import_commands() -> None:
    import_module("smsrelay_worker.cli.group")
    for command in COMMANDS.values():
        if not lacks(command.extra):
            import_module(command.module)
    assert threading.active_count() == 1, "a fork would lack the other threads, and may wait for ever for what they hold"
    gc.freeze()  # what stands in memory now is shared with every fork


def _forked(asked: socket.socket) -> bool:
    """Fork for each request: whether this is such a fork, and not the process that forks and has no more to do."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, LARGEST, 3)
        if not request:
            return False
        pid = os.fork()
        if pid == 0:
            asked.close()
            _become(json.loads(request), descriptors)
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        asked.send(str(pid).encode())
        asked.send(str(os.waitpid(pid, 0)[1]).encode())


def _become(request: dict[str, Any], descriptors: Sequence[int]) -> None:
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(Path(request["folder"]))
    sys.argv[1:] = request["arguments"]


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        _import_commands()
        run = _forked(given)
    if run:
        main.main()
