"""ReadOnlyControl: what a worker answers to Celery's remote control: ping and the questions of ``celery inspect``.

Whoever can publish to the broker can send a command. ``cancel_consumer`` would stop a lane in silence, ``rate_limit`` slow it,
``shutdown`` end the worker, ``revoke`` drop tasks; all of them are refused, and each is logged once. What a worker is to do
stands in its settings, and ``smsrelay rate`` sets the rate. Flower asks every worker to send events; that is refused too, since
``--no-events`` says whether a worker does. What is no message at all, or chooses workers by a regular expression, is dropped.
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
_EXPECTED = "enable_events"  # from every Flower, every few seconds

log = structlog.get_logger()


class ReadOnlyPidbox(Pidbox):  # type: ignore[misc]
    """Celery's mailbox of a worker, with the commands that only look."""

    def __init__(self, consumer: Any) -> None:
        super().__init__(consumer)
        self.node.handlers = {name: Panel.data[name] for name in ANSWERED}
        self._refused = {_EXPECTED}

    def start(self, c: Any) -> None:
        """Listen; what cannot be decoded is dropped, for it is nobody's job."""
        super().start(c)
        self.consumer.on_decode_error = _drop

    def on_message(self, body: Any, message: Any) -> None:
        """Answer a question, refuse a command."""
        method = body.get("method") if isinstance(body, Mapping) else None
        if _is_regular(body):
            return
        if isinstance(method, str) and method in ANSWERED:
            super().on_message(body, message)
            return
        known = method if isinstance(method, str) and method in Panel.data else "unknown"
        if known not in self._refused:
            self._refused.add(known)
            log.warning("a remote command is refused", command=known)


def _drop(_message: Any, error: Exception) -> None:
    log.debug("no message of remote control, dropped", reason=type(error).__name__)


def _is_regular(body: Any) -> bool:
    """Whether its pattern of workers is a regular expression, which can be one that takes hours to be compared."""
    return isinstance(body, Mapping) and bool(body.get("pattern")) and body.get("matcher") != "glob"


class ReadOnlyControl(bootsteps.StartStopStep):  # type: ignore[misc]
    """Celery's step for remote control, with that mailbox."""

    requires = (Tasks,)

    def __init__(self, consumer: Any, **options: Any) -> None:
        self.box = ReadOnlyPidbox(consumer)
        self.start = self.box.start
        self.stop = self.box.stop
        self.shutdown = self.box.shutdown
        super().__init__(consumer, **options)
