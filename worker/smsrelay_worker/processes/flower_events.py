"""PersistentEvents: Flower's thread that receives the workers' events, over brokers that fail, move or fall silent.

Flower's own waits twice as long after each failure, without end, and never notices a broker that has fallen silent: it sends no
heartbeats to RabbitMQ, and lets kombu check a subscription on Redis only in a worker's event loop.
"""

import time
from typing import Any

import structlog
from celery import Celery
from celery.events import EventReceiver
from flower.events import Events

_PAUSE = 2.0  # seconds before it connects again
_CHECK = 1.0  # seconds between checks of the connection
_HEARTBEAT = 10.0  # seconds; a RabbitMQ silent for twice as long counts as disconnected

log = structlog.get_logger()


class PersistentEvents(Events):  # type: ignore[misc]
    """Receives events until the process ends."""

    def run(self) -> None:
        """Receive; after a failure, connect again."""
        while True:
            try:
                self._receive()
            except Exception as error:  # noqa: BLE001  whatever it is, the pages are of no use without events
                log.warning("events interrupted", reason=type(error).__name__)
                _close_pooled(self.capp)
            time.sleep(_PAUSE)

    def _receive(self) -> None:
        with self.capp.connection_for_read(heartbeat=_HEARTBEAT) as connection:
            _CheckingReceiver(connection, handlers={"*": self.on_event}, app=self.capp).capture(wakeup=True)


class _CheckingReceiver(EventReceiver):  # type: ignore[misc]
    """Checks between events that the broker still answers."""

    _check_at = 0.0

    def on_iteration(self) -> None:
        """Called before each wait for events, which ends after a second at the latest."""
        now = time.monotonic()
        if now < self._check_at:
            return
        self._check_at = now + _CHECK
        transport: Any = self.connection.transport
        if transport.driver_type == "amqp":
            self.connection.heartbeat_check()
        else:
            transport.cycle.maybe_check_subclient_health()


def _close_pooled(app: Celery) -> None:
    """Close the connections by which Flower asks workers: those to a silent RabbitMQ would go on being silent."""
    app.pool.resize(app.pool.limit, reset=True, ignore_errors=True)
