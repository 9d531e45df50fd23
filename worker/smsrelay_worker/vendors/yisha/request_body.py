"""The form body of one submit. It knows whether the connection has begun to take it, and the deadline for that.

Takes form fields, gives their bytes to the transport once. When the transport fails, ``begun`` decides between "surely not sent"
and "may have been sent". The exception cannot: requests raises the same one for a failed TLS handshake and for a broken TLS
record in the answer, and for a reset before and after the request was written.
The transport asks for the body last, when the connection is open and nothing is written yet. If the deadline has passed by then,
the form raises ``TooLate``.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote


class TooLate(Exception):
    """The deadline passed before anything was sent."""


class Form:
    """An iterable with a length, so that requests sends a Content-Length, writes the headers and asks for the body last."""

    def __init__(
        self, fields: Mapping[str, str], not_after: float = math.inf, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        # quote, not quote_plus: every decoder reads a space as %20 alike, and the + of a number becomes %2B.
        self._encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items()).encode("ascii")
        self._not_after = not_after
        self._monotonic = monotonic
        self.begun = False

    def __len__(self) -> int:
        return len(self._encoded)

    def __iter__(self) -> Iterator[bytes]:
        if self._monotonic() >= self._not_after:
            raise TooLate
        self.begun = True
        yield self._encoded
