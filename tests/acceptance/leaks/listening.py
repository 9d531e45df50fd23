"""Listening: every event that workers tell the world while the context lasts, with all of its fields."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery

from tests.acceptance.leaks.stage import Stage
from tests.support.waiting import eventually


class Heard:
    """Events in the order they came."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def hear(self, event: dict[str, Any]) -> None:
        """Keep one."""
        self.events.append(event)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Those of one type."""
        return [event for event in self.events if event["type"] == kind]

    @property
    def places(self) -> dict[str, str]:
        """All of them by type, as text."""
        kinds = {event["type"] for event in self.events}
        return {f"event {kind}": json.dumps(self.of(kind), default=str) for kind in kinds}


@contextmanager
def listening(stage: Stage) -> Iterator[Heard]:
    """Hear everything from here on."""
    heard = Heard()
    app = Celery(broker=stage.broker_url, set_as_current=False)
    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": heard.hear})
        thread = threading.Thread(target=_listen, args=(receiver,), daemon=True)
        thread.start()
        eventually(lambda: heard.of("worker-heartbeat"), "a worker's heartbeat")
        try:
            yield heard
        finally:
            receiver.should_stop = True
            thread.join(timeout=10)


def _listen(receiver: Any) -> None:
    receiver.capture(limit=None, timeout=None, wakeup=False)
