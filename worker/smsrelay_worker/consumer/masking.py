"""MaskedRequest: a task as the worker holds it, showing nobody its arguments.

A foreign client sets its own representations, and ``celery inspect active`` shows arguments raw; so for every task the worker
shows only what our own publisher wrote, and of a foreign job nothing at all.
"""

from typing import Any

from celery.worker.request import Request

from smsrelay_worker.consumer.validation import admitted_body, admitted_headers


class MaskedRequest(Request):  # type: ignore[misc]
    """A request whose arguments reach neither events nor logs nor remote control."""

    def __init__(self, message: Any, **options: Any) -> None:
        payload = options["body"] if options.get("decoded") else message.payload
        headers = admitted_headers(options.get("headers") or message.headers)
        super().__init__(message, **{**options, "headers": headers, "body": admitted_body(payload), "decoded": True})

    def info(self, safe: bool = True) -> dict[str, Any]:
        """What remote control shows of a running task; never its raw arguments."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown
