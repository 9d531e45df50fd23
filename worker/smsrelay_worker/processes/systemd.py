"""Tells systemd how the process is, if it was started by a unit with ``Type=notify``; see sd_notify(3)."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class Systemd:
    """The socket that NOTIFY_SOCKET names; without it, nothing is told. ``environment``: of this process."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        for_us = environment.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
        self._watched = for_us and environment.get("WATCHDOG_USEC", "").isdecimal()
        self._ready = False

    def ready(self) -> None:
        """The process has started; told once."""
        if not self._ready:
            self._ready = True
            self._tell("READY=1")

    def alive(self) -> None:
        """The process is alive; for ``WatchdogSec=``."""
        if self._watched:
            self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """The process has begun to start anew in its place, and will be ready again."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The process has begun to stop, and will end: systemd ends it if that takes too long."""
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
            connection.setblocking(False)
            connection.sendto(state.encode(), address)
