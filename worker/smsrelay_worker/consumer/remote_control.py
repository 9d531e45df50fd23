"""ReadOnlyControl: Celery's remote control, reduced to ping and the queries of ``celery inspect``.

Anybody who can publish to the broker can send a command. ``cancel_consumer`` would silently stop a lane, ``rate_limit`` slow it
down, ``shutdown`` end the worker, ``revoke`` drop tasks. All commands are refused, and each is logged once: a worker follows its
settings, and ``smsrelay rate`` sets the rate. Flower asks every worker to send events; that is refused too, because
``--no-events`` decides. Unreadable messages, and those that select workers by a regular expression, are dropped.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from celery import bootsteps
from celery.worker.consumer.tasks import Tasks
from celery.worker.control import Panel
from celery.worker.pidbox import Pidbox

ANSWERED = frozenset(
    {"ping", "stats", "active", "reserved", "scheduled", "registered", "active_queues", "revoked", "query_task"}
    | {"clock", "conf", "report"}
)
_EXPECTED = "enable_events"  # Flower sends it every few seconds

log = structlog.get_logger()


class ReadOnlyPidbox(Pidbox):  # type: ignore[misc]
    """A worker's mailbox, with Celery's read-only commands."""

    def __init__(self, consumer: Any) -> None:
        super().__init__(consumer)
        self.node.handlers = {name: Panel.data[name] for name in ANSWERED}
        self._refused = {_EXPECTED}

    def start(self, c: Any) -> None:
        """Listen. Messages that cannot be decoded are dropped: they are never SMS jobs."""
        super().start(c)
        self.consumer.on_decode_error = _drop

    def on_message(self, body: Any, message: Any) -> None:
        """Answer a query, refuse a command."""
        method = body.get("method") if isinstance(body, Mapping) else None
        if _selects_by_regex(body):
            return
        if isinstance(method, str) and method in ANSWERED:
            super().on_message(body, message)
            return
        known = method if isinstance(method, str) and method in Panel.data else "unknown"
        if known not in self._refused:
            self._refused.add(known)
            log.warning("remote-control command refused", command=known)


def _drop(_message: Any, error: Exception) -> None:
    log.debug("unreadable remote-control message dropped", reason=type(error).__name__)


def _selects_by_regex(body: Any) -> bool:
    """Whether it selects workers by a regular expression, which may take hours to match."""
    return isinstance(body, Mapping) and bool(body.get("pattern")) and body.get("matcher") != "glob"


class ReadOnlyControl(bootsteps.StartStopStep):  # type: ignore[misc]
    """Celery's step for remote control, with ``ReadOnlyPidbox``."""

    requires = (Tasks,)

    def __init__(self, consumer: Any, **options: Any) -> None:
        self.box = ReadOnlyPidbox(consumer)
        self.start = self.box.start
        self.stop = self.box.stop
        self.shutdown = self.box.shutdown
        super().__init__(consumer, **options)
