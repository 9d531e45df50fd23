"""The body of one submit, which remembers whether the connection has begun to take it.

Enters: form fields. Leaves: their bytes, once, to the transport. ``begun`` is what decides between "surely not sent"
and "may have been sent" when the transport fails: requests wraps a failed TLS handshake and a broken TLS record in the
answer in the same exception, and likewise a reset before and after the request was written.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote


class Form:
    """An iterable with a length: requests sends a Content-Length, writes the headers, and asks for the body last."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        # quote and not quote_plus: a space as %20 is read alike by every decoder; the + of a number becomes %2B.
        self._encoded = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items()).encode("ascii")
        self.begun = False

    def __len__(self) -> int:
        return len(self._encoded)

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield self._encoded
