"""Runs the proxy as a process and sends it commands.

Takes the routes by name; gives their ports, and cuts, refuses or silences them. Raises ``RuntimeError`` when the proxy has died.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from smsrelay_worker.local.stack import free_port

_ROOT = Path(__file__).resolve().parents[3]


class Gate:
    """Every route that a fault may cut."""

    def __init__(self, targets: Mapping[str, Sequence[int]]) -> None:
        self._ports = {name: free_port() for name in targets}
        self._targets = targets
        self._process: subprocess.Popen[bytes] | None = None
        self._speaking = threading.Lock()

    def port(self, route: str) -> int:
        """The port a route listens on."""
        return self._ports[route]

    def start(self) -> None:
        """Open every route."""
        routes = [f"{name}={self._ports[name]}:{','.join(map(str, ports))}" for name, ports in self._targets.items()]
        command = [sys.executable, "-m", "tests.chaos.stage.proxy", *routes]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._heard("ready")

    def tell(self, route: str, action: str) -> None:
        """``cut``, ``refuse``, ``silence``, ``deafen`` or ``open`` a route."""
        assert self._process is not None
        assert self._process.stdin is not None
        with self._speaking:
            self._process.stdin.write(json.dumps({"route": route, "do": action}).encode() + b"\n")
            self._process.stdin.flush()
            self._heard("ok")

    def stop(self) -> None:
        """End the proxy."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _heard(self, word: str) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        if self._process.stdout.readline().decode().strip() != word:
            raise RuntimeError("the proxy is gone")
