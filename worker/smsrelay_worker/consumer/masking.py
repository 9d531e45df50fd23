"""MaskedRequest: Celery's request for a received task, without what shows its arguments, and with our own view of its end.

A foreign client chooses its own argument representations, and ``celery inspect active`` shows raw arguments. So a worker shows
the representation that our own publisher wrote, and nothing of a foreign job's arguments.

To Celery, a task that has recorded a refusal of the vendor has succeeded: it is acknowledged, not retried, and no crash. Whoever
looks at Flower asks what became of the messages. So the event that ends a task, which Flower alone reads, tells that.
"""

from dataclasses import dataclass
from typing import Any

from celery.worker.request import Request

from smsrelay_worker.consumer.validation import allowed_body, allowed_headers
from smsrelay_worker.messages.task_result import Verdict

SHOWN = "smsrelay_end"  # of the request that a task's body sees
_SUCCEEDED = "task-succeeded"
_EVENTS = {Verdict.WAITS: "task-retried", Verdict.FAILED: "task-failed"}


@dataclass(slots=True)
class ShownEnd:
    """What a task came to, written by its body and read when it ends."""

    verdict: Verdict = Verdict.DONE


class MaskedRequest(Request):  # type: ignore[misc]
    """A request whose arguments reach neither events nor logs nor remote control."""

    def __init__(self, message: Any, **options: Any) -> None:
        payload = options["body"] if options.get("decoded") else message.payload
        headers = allowed_headers(options.get("headers") or message.headers)
        super().__init__(message, **{**options, "headers": headers, "body": allowed_body(payload), "decoded": True})
        self._end = self._request_dict[SHOWN] = ShownEnd()

    def send_event(self, type: str, **fields: Any) -> None:
        """Send an event; the one of a task that ended in order has the type that its verdict asks for."""
        if type == _SUCCEEDED and self._end.verdict in _EVENTS:
            type = _EVENTS[self._end.verdict]
            fields |= {"exception": fields.get("result"), "traceback": ""}
        super().send_event(type, **fields)

    def info(self, safe: bool = True) -> dict[str, Any]:
        """What remote control shows of a running task: never its raw arguments."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown
