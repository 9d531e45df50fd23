"""MaskedRequest: a task as the worker holds it, showing nobody its arguments.

A foreign client sets its own representations, and ``celery inspect active`` shows arguments raw; so for every task the worker
shows only what our own publisher wrote, and of a foreign job nothing at all.
"""

from typing import Any

from celery.worker.request import Request

from producers.task import ORIGIN

_HIDDEN = "(not shown)"


class MaskedRequest(Request):  # type: ignore[misc]
    """A request whose arguments reach neither events nor logs nor remote control."""

    def __init__(self, message: Any, **options: Any) -> None:
        # Not heeded: a time of Celery's own (runs again and again), an expiry (drops the job unseen), a name to show.
        given = options.pop("headers", None) or message.headers
        options["headers"] = {**given, "eta": None, "expires": None, "shadow": None}
        payload = message.payload if options.get("body") is None or not options.get("decoded") else options["body"]
        if isinstance(payload, list | tuple) and len(payload) == 3 and payload[1] is None:
            options |= {"body": (payload[0], {}, payload[2]), "decoded": True}  # celery-node's task without keyword arguments
        super().__init__(message, **options)
        ours = self._request_dict.get("origin") == ORIGIN
        headers = self._request_dict
        headers["argsrepr"] = "()" if ours else _HIDDEN
        headers["kwargsrepr"] = str(headers.get("kwargsrepr", "")) if ours else _HIDDEN
        self._argsrepr, self._kwargsrepr = headers["argsrepr"], headers["kwargsrepr"]

    def info(self, safe: bool = True) -> dict[str, Any]:
        """What remote control shows of a running task; never its raw arguments."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown
