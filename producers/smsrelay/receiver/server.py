"""Serving the receiver: wires the app to broker and spool and runs it under uvicorn until it is told to stop.

Enters: settings, address. Leaves: nothing; returns when the server was stopped (SIGTERM, Ctrl-C), open requests answered.
A broker or a disk that is away at the start keeps nothing from starting: callbacks are kept wherever they can be.
"""

import asyncio
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import cast

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from smsrelay import logs
from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.unreadable_callback import Received, UnreadableCallback
from smsrelay.receiver.app import create_app
from smsrelay.receiver.batcher import ReportBatcher, in_threads
from smsrelay.receiver.connection_limits import ConnectionLimits, OpenConnections
from smsrelay.receiver.http_protocol import LimitedHttpProtocol
from smsrelay.receiver.open_files import raise_open_files_limit
from smsrelay.receiver.redis_pipeline import RedisPipeline
from smsrelay.receiver.refused_requests import RefusedRequests
from smsrelay.receiver.spool import Spool
from smsrelay.receiver.spool_drain import SpoolDrain
from smsrelay.receiver.throttle import Throttle
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.refusal_counts import RefusalCounts
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks

_Publish = Callable[[Sequence[Received]], Awaitable[None]]
_CHUNKING = 64 * 1024  # bytes that a chunked body of the usual kind has beside what it holds
_GRACE = 10  # seconds that open requests get to be answered at the end


def serve_receiver(settings: ProducerSettings, host: str, port: int) -> None:
    """Take callbacks until stopped."""
    logs.set_up()
    spool = Spool(settings.spool_folder, settings.spool_max)
    broker_down = threading.Event()
    with Publisher(settings.broker_url, connections=16) as publisher:
        redis = open_store(settings.store_url, connections=8)
        inbox, kept, counts = Inbox(redis), UnreadableCallbacks(redis), RefusalCounts(redis, _epoch_ms)

        def publish(received: Sequence[Received]) -> None:
            """Into the inbox first: the queue alone may lose a report that was answered with 200."""
            try:
                tasks = inbox.record([one for one in received if isinstance(one, StatusEvent)])
                kept.keep([one for one in received if isinstance(one, UnreadableCallback)])
            except StoreUnavailable as error:
                raise BrokerUnavailable(str(error)) from None  # to the receiver they are one: the report is spooled
            publisher.publish_many(tasks)

        straight = in_threads(publish)
        if settings.one_redis:
            straight = _piped(RedisPipeline(settings.store_url, inbox, otherwise=straight), otherwise=straight)
        drain = SpoolDrain(spool, publish, publisher.reachable, broker_down)
        app = create_app(
            ReportBatcher(straight, spool, broker_down).keep,
            lambda: drain.alive and (spool.has_room() or publisher.reachable()),
            RefusedRequests(lambda refused: run_in_threadpool(counts.add, refused)),
            settings.secret_bytes,
            _epoch_ms,
            max_body=settings.callback_max_bytes,
            unsigned=Throttle(settings.unsigned_rate, time.monotonic) if settings.unsigned_callbacks else None,
        )
        with drain:
            _run(app, settings, host, port)


def _piped(pipe: RedisPipeline, otherwise: _Publish) -> _Publish:
    """Reports through the pipe; what nobody could read, which is rare, and what came with it the other way."""

    async def publish(received: Sequence[Received]) -> None:
        reports = [one for one in received if isinstance(one, StatusEvent)]
        await (pipe.publish(reports) if len(reports) == len(received) else otherwise(received))

    return publish


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000


def _run(app: ASGIApp, settings: ProducerSettings, host: str, port: int) -> None:
    limits = ConnectionLimits(
        message_bytes=4 * settings.callback_max_bytes + _CHUNKING,
        connections=settings.callback_connections,
        per_address=settings.callback_connections_per_address,
    )
    raise_open_files_limit(limits.connections)
    gc.collect()
    gc.freeze()  # what the imports left is never garbage; looking through it stops every open call
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=cast(
            type[asyncio.Protocol], partial(LimitedHttpProtocol, OpenConnections(limits, time.monotonic))
        ),  # it is only called
        ws="none",
        workers=1,  # else WEB_CONCURRENCY decides, which a host sets for other programs
        access_log=False,  # its lines would hold the callback paths, and with them the tokens
        log_config=None,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # nobody asks who called
        timeout_keep_alive=settings.callback_keep_alive,
        timeout_graceful_shutdown=_GRACE,
    )
