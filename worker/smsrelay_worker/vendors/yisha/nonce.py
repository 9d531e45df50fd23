"""Nonces: what makes every attempt another request to the gateway, which refuses a second use within 15 minutes.

Leaves: texts shaped like a UUID, whose front is random for each process and whose end counts. Nothing here fails.
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
        """The next one."""
        process = os.getpid()
        if process != self._process:  # also in the child of a fork: its numbers go on from its parent's
            self._front = str(uuid.uuid4())[:24]
            self._process = process
        return f"{self._front}{next(self._numbers) & 0xFFFFFFFFFFFF:012x}"
