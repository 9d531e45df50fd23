"""Undecodable: a job, report or task that could not be read or applied, kept for a person with the reason; and the list of them.

``Undecodable.decode`` raises ``ValueError`` or ``TypeError`` for a line that ``encode`` did not write.
``UndecodableTasks`` raises ``StoreUnavailable``.
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from smsrelay.contract.payload_cipher import PLAIN, UNDECODABLE, PayloadCipher
from smsrelay.messages.refused_job import RefusedJob
from smsrelay.store.connection import StoreRedis, run_durably, store_answers
from smsrelay.store.script import Script

UNDECODABLE_CAP = 10_000
_LONGEST = 65536  # characters of a body that are kept
_LONGEST_BYTES = _LONGEST // 4 * 3  # bytes of a body that is kept as base64
_BASE64 = "base64"
_SEALED = "sealed"  # JSON of the two fields of the body, encrypted


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A job, report or task that could not be read or applied. The body is not in its repr.

    A body that is not UTF-8 is kept as base64, so that every byte can be restored.
    """

    kept_id: str
    at: int  # ms, by the clock of the worker that kept it
    queue: str
    reason: str
    body: str = field(repr=False)
    body_encoding: str | None = None  # or base64, or sealed

    @classmethod
    def now(cls, queue: str, reason: str, body: str | bytes, task_id: str | None = None) -> Self:
        """A new one, kept now. The same task gets the same id if the broker delivers it again."""
        named = None if task_id is None else hashlib.sha256(task_id.encode("utf-8", "surrogatepass"))
        kept_id = secrets.token_hex(4) if named is None else named.hexdigest()[:8]
        return cls(kept_id, time.time_ns() // 1_000_000, queue, reason, *_kept(body))

    def sealed_by(self, cipher: PayloadCipher) -> Self:
        """The same with its body encrypted; unchanged without keys."""
        if not cipher.names:
            return self
        sealed = cipher.seal(UNDECODABLE, self.kept_id, json.dumps([self.body, self.body_encoding]))
        return replace(self, body=sealed, body_encoding=_SEALED)

    def opened(self, cipher: PayloadCipher) -> Self:
        """The same with its body readable; raises ``CannotOpen``."""
        if not self.is_sealed:
            return self
        body, encoding = json.loads(cipher.open(UNDECODABLE, self.kept_id, self.body))
        return replace(self, body=body, body_encoding=encoding)

    @property
    def is_sealed(self) -> bool:
        """Whether the body is encrypted."""
        return self.body_encoding == _SEALED

    @property
    def content(self) -> str | bytes:
        """The body, if it is not encrypted, as it came, cut to what is kept: as text if it is text."""
        return self.body if self.body_encoding is None else base64.b64decode(self.body)

    @property
    def raw(self) -> bytes:
        """The same as bytes; a JSON parser detects the encoding."""
        return self.content.encode("utf-8", "surrogatepass") if isinstance(self.content, str) else self.content

    def encode(self) -> str:
        """One line of the list. ``body_encoding`` is written only if needed, so that older versions can read the others."""
        fields = asdict(self)
        if self.body_encoding is None:
            del fields["body_encoding"]
        return json.dumps(fields)

    @classmethod
    def decode(cls, line: str) -> Self:
        """Read what ``encode`` wrote."""
        return cls(**json.loads(line))


class UndecodableTasks:
    """The list of them, encrypted where there are payload keys; safe to share between threads. ``retention`` in seconds."""

    def __init__(self, redis: StoreRedis, retention: float, cipher: PayloadCipher = PLAIN) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._cipher = cipher
        self._keep = Script(redis, __name__, "undecodable.lua", durable=True)
        self._retention = int(retention * 1000)

    def keep(
        self, queue: str, reason: str, body: str | bytes, task_id: str | None = None, counted: str = RefusedJob.UNDECODABLE
    ) -> str:
        """Keep a task that could not be read; returns the id it is kept under. Kept twice, it becomes one message by this id.

        ``counted``: what it is counted as; empty: not at all, or elsewhere.
        """
        kept = Undecodable.now(queue, reason, body, task_id).sealed_by(self._cipher)
        named = [self._keys.undecodable, self._keys.counts]
        mark = f'"kept_id": "{kept.kept_id}"'
        self._keep.run(named, [kept.encode(), mark, UNDECODABLE_CAP, self._retention, counted])
        return kept.kept_id

    def all(self) -> list[Undecodable]:
        """All that are kept, as they are kept, newest first."""
        with store_answers():
            lines = self._redis.lrange(self._keys.undecodable, 0, -1)
        return [Undecodable.decode(str(line)) for line in lines]

    def drop(self, kept: Undecodable) -> None:
        """Remove one that has been dealt with."""
        run_durably(self._redis, ("LREM", self._keys.undecodable, 1, kept.encode()))


def _kept(body: str | bytes) -> tuple[str, str | None]:
    """The part of a body that is kept, and its encoding."""
    if isinstance(body, str):
        return body[:_LONGEST], None
    try:
        return body.decode("utf-8")[:_LONGEST], None
    except UnicodeDecodeError:
        return base64.b64encode(body[:_LONGEST_BYTES]).decode("ascii"), _BASE64
