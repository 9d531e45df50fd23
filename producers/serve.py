"""Serving the receiver: wires the app to the broker and runs it under uvicorn until it is told to stop.

Enters: settings, address. Leaves: nothing; returns when the server was stopped (SIGTERM, Ctrl-C), open requests answered.
"""

import time

import uvicorn

from producers import logs
from producers.event import StatusEvent
from producers.lanes import STATUS_QUEUE
from producers.publish import Publisher
from producers.receiver import create_app
from producers.settings import ProducerSettings
from producers.task import STATUS, TaskMessage

_GRACE = 10  # seconds that open requests get to be answered at the end


def serve_receiver(settings: ProducerSettings, host: str, port: int) -> None:
    """Take callbacks until stopped."""
    logs.set_up()
    with Publisher(settings.broker_url, connections=16) as publisher:

        def publish(event: StatusEvent) -> None:
            publisher.publish(status_task(event))

        app = create_app(
            publish,
            publisher.reachable,
            settings.secret_bytes,
            lambda: time.time_ns() // 1_000_000,
            max_body=settings.callback_max_bytes,
            unsigned=settings.unsigned_callbacks,
        )
        # No access log: its lines would hold the callback paths, and with them the tokens.
        uvicorn.run(
            app,
            host=host,
            port=port,
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )


def status_task(event: StatusEvent) -> TaskMessage:
    """The task that applies a report."""
    shown = f"{event.message_id or 'by external id'} attempt {event.attempt or '?'} code {event.code}"
    return TaskMessage(name=STATUS, queue=STATUS_QUEUE, kwargs={"event": event.encode()}, shown=shown)
