"""Undecodable: what nobody could read or apply, as it is kept for a person, with the reason.

A pure value and its wire form. A wrong line raises ``ValueError`` or ``TypeError``; none is written but by ``encode``.
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Self

UNDECODABLE_CAP = 10_000
_LONGEST = 65536  # of a body, as it is kept
_LONGEST_BYTES = _LONGEST // 4 * 3  # of one that is kept as base64
_BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A job, report or task nobody could read or apply, kept with the reason; its repr does not show the body.

    A body that is no UTF-8 is kept as base64, so that every byte of it can be had back.
    """

    kept_id: str
    at: int  # ms, by the clock of the worker that kept it
    queue: str
    reason: str
    body: str = field(repr=False)
    body_encoding: str | None = None  # or base64

    @classmethod
    def now(cls, queue: str, reason: str, body: str | bytes, task_id: str | None = None) -> Self:
        """One that is kept now. The same task, brought again by a broker that did not hear of it, has the same id."""
        named = None if task_id is None else hashlib.sha256(task_id.encode("utf-8", "surrogatepass"))
        kept_id = secrets.token_hex(4) if named is None else named.hexdigest()[:8]
        return cls(kept_id, time.time_ns() // 1_000_000, queue, reason, *_kept(body))

    @property
    def content(self) -> str | bytes:
        """The body as it came, up to what is kept of it: as text, if it is any."""
        return self.body if self.body_encoding is None else base64.b64decode(self.body)

    @property
    def raw(self) -> bytes:
        """The same in bytes, whose encoding a reader of JSON finds out."""
        return self.content.encode("utf-8", "surrogatepass") if isinstance(self.content, str) else self.content

    def encode(self) -> str:
        """One line of the list; as versions without ``body_encoding`` read it, unless it is needed."""
        fields = asdict(self)
        if self.body_encoding is None:
            del fields["body_encoding"]
        return json.dumps(fields)

    @classmethod
    def decode(cls, line: str) -> Self:
        """Read what ``encode`` wrote."""
        return cls(**json.loads(line))


def _kept(body: str | bytes) -> tuple[str, str | None]:
    """A body as it is kept, and its encoding."""
    if isinstance(body, str):
        return body[:_LONGEST], None
    try:
        return body.decode("utf-8")[:_LONGEST], None
    except UnicodeDecodeError:
        return base64.b64encode(body[:_LONGEST_BYTES]).decode("ascii"), _BASE64
