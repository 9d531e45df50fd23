"""Nonces: a value that is unique per attempt. The gateway refuses one that it has seen within 15 minutes.

Each looks like a UUID: the front is random per process, the end is a counter.
"""

import os
import uuid
from itertools import count


class Nonces:
    """Nonces that no other attempt of any process uses; safe to share between threads, and across a fork."""

    def __init__(self) -> None:
        self._process = -1
        self._front = ""
        self._numbers = count(1)

    def __call__(self) -> str:
        """The next nonce."""
        process = os.getpid()
        if process != self._process:  # also true in a forked child, whose counter goes on from its parent's
            self._front = str(uuid.uuid4())[:24]
            self._process = process
        return f"{self._front}{next(self._numbers) & 0xFFFFFFFFFFFF:012x}"
