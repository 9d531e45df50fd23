"""Event: one outcome as the app gets it, without number and parameters. Pure.

Its id is ``msg_ID_REVISION``, as ``webhook-id`` and as the id of a Celery task. The same outcome has the same id and the same
bytes however often it is delivered; only another policy may change its words. An id holds no full stop, because a webhook's
signature separates its parts with one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from smsrelay.messages.record import Record
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.outcomes.wording import Wording

TEST = "message.test"
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``content`` has ``type``, ``timestamp`` and ``data``, as Standard Webhooks asks for."""

    id: str
    content: Mapping[str, Any] = field(repr=False)
    traceparent: str | None = field(default=None, repr=False)  # names the span that enqueued the message; not told

    @classmethod
    def of(cls, record: Record, outcome: Outcome, wording: Wording) -> Self:
        """The event of an outcome; of the record only what never changes."""
        text, zh = wording.of(outcome)
        data = {
            "id": outcome.message_id,
            "app": record.app,
            "reference": record.reference,
            "lane": record.lane.value,
            "template": record.template,
            "state": outcome.state.value,
            "code": outcome.code or None,
            "text": text,
            "zh": zh,
            "attempts": outcome.attempt,
            "revision": outcome.revision,
            "tags": dict(record.tags),
            "test": record.test,
        }
        content = {"type": f"message.{outcome.state.value}", "timestamp": _rfc3339(outcome.at), "data": data}
        return cls(f"msg_{outcome.message_id}_{outcome.revision}", content, record.traceparent)

    @classmethod
    def trial(cls, app: str, at: int, token: str) -> Self:
        """An event that tells of no message, for ``smsrelay webhook test``; ``at`` in ms since the epoch."""
        data = {"app": app, "text": "A test by an operator", "zh": "运维人员的测试", "test": True}
        return cls(f"test_{token}", {"type": TEST, "timestamp": _rfc3339(at), "data": data})

    @property
    def body(self) -> bytes:
        """The body of a webhook."""
        return _encode(self.content).encode()

    @property
    def task_argument(self) -> Mapping[str, Any]:
        """The only argument of a Celery task."""
        return {"id": self.id, **self.content}


def _rfc3339(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
