"""MaskedRequest: Celery's request for a received task, without anything that shows its arguments.

A foreign client chooses its own argument representations, and ``celery inspect active`` shows raw arguments. So a worker shows
the representation that our own publisher wrote, and nothing of a foreign job's arguments.
"""

from typing import Any

from celery.worker.request import Request

from smsrelay_worker.consumer.validation import allowed_body, allowed_headers


class MaskedRequest(Request):  # type: ignore[misc]
    """A request whose arguments reach neither events nor logs nor remote control."""

    def __init__(self, message: Any, **options: Any) -> None:
        payload = options["body"] if options.get("decoded") else message.payload
        headers = allowed_headers(options.get("headers") or message.headers)
        super().__init__(message, **{**options, "headers": headers, "body": allowed_body(payload), "decoded": True})

    def info(self, safe: bool = True) -> dict[str, Any]:
        """What remote control shows of a running task: never its raw arguments."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown
