"""Serving the receiver: wires the app to broker and spool and runs it under uvicorn until it is told to stop.

Enters: settings, address. Leaves: nothing; returns when the server was stopped (SIGTERM, Ctrl-C), open requests answered.
A broker or a disk that is away at the start keeps nothing from starting: callbacks are kept wherever they can be.
"""

import gc
import threading
import time
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

from producers import logs
from producers.connection import StoreUnavailable, open_store
from producers.drain import Drain
from producers.event import StatusEvent
from producers.forward import Forwarder, in_threads
from producers.inbox import Inbox
from producers.pipe import Pipe
from producers.publish import BrokerUnavailable, Publisher
from producers.receiver import create_app
from producers.settings import ProducerSettings
from producers.spool import Spool

_GRACE = 10  # seconds that open requests get to be answered at the end


def serve_receiver(settings: ProducerSettings, host: str, port: int) -> None:
    """Take callbacks until stopped."""
    logs.set_up()
    spool = Spool(settings.spool_folder, settings.spool_max)
    broker_down = threading.Event()
    with Publisher(settings.broker_url, connections=16) as publisher:
        inbox = Inbox(open_store(settings.store_url, connections=8))

        def publish(events: Sequence[StatusEvent]) -> None:
            """Into the inbox first: the queue alone may lose a report that was answered with 200."""
            try:
                tasks = inbox.record(events)
            except StoreUnavailable as error:
                raise BrokerUnavailable(str(error)) from None  # to the receiver they are one: the report is spooled
            publisher.publish_many(tasks)

        straight = in_threads(publish)
        if settings.one_redis:
            straight = Pipe(settings.store_url, inbox, otherwise=straight).publish
        drain = Drain(spool, publish, publisher.reachable, broker_down)
        app = create_app(
            Forwarder(straight, spool, broker_down).keep,
            lambda: drain.alive and (spool.has_room() or publisher.reachable()),
            settings.secret_bytes,
            lambda: time.time_ns() // 1_000_000,
            max_body=settings.callback_max_bytes,
            unsigned=settings.unsigned_callbacks,
        )
        with drain:
            _run(app, host, port)


def _run(app: ASGIApp, host: str, port: int) -> None:
    gc.collect()
    gc.freeze()  # what the imports left is never garbage; looking through it stops every open call
    uvicorn.run(
        app,
        host=host,
        port=port,
        workers=1,  # else WEB_CONCURRENCY decides, which a host sets for other programs
        access_log=False,  # its lines would hold the callback paths, and with them the tokens
        log_config=None,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # nobody asks who called
        timeout_graceful_shutdown=_GRACE,
    )
