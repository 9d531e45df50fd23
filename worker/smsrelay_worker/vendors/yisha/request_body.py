"""The body of one submit, which remembers whether the connection has begun to take it, and knows until when it may.

Enters: form fields. Leaves: their bytes, once, to the transport. ``begun`` is what decides between "surely not sent"
and "may have been sent" when the transport fails: requests wraps a failed TLS handshake and a broken TLS record in the
answer in the same exception, and likewise a reset before and after the request was written.
The transport asks for the body last, when the connection stands and nothing is written yet: late by then, it raises ``TooLate``.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote


class TooLate(Exception):
    """The deadline passed before anything was written."""


class Form:
    """An iterable with a length: requests sends a Content-Length, writes the headers, and asks for the body last."""

    def __init__(
        self, fields: Mapping[str, str], not_after: float = math.inf, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        # quote and not quote_plus: a space as %20 is read alike by every decoder; the + of a number becomes %2B.
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
