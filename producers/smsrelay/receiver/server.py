"""Runs the receiver: wires the app to broker, store and spool, and serves it until SIGTERM or Ctrl-C.

It starts even if broker or disk are unavailable: callbacks are stored wherever they
can be.
"""

import threading
import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.concurrency import run_in_threadpool

from smsrelay import logs
from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.unreadable_callback import Received, UnreadableCallback
from smsrelay.http.connection_limits import ConnectionLimits
from smsrelay.http.server import CHUNKED_OVERHEAD, serve
from smsrelay.receiver.app import create_app
from smsrelay.receiver.batcher import ReportBatcher, in_threads
from smsrelay.receiver.heartbeat import Heartbeat, this_receiver
from smsrelay.receiver.redis_pipeline import RedisPipeline
from smsrelay.receiver.refused_requests import RefusedRequests
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.receiver.spool import Spool
from smsrelay.receiver.spool_drain import SpoolDrain
from smsrelay.receiver.throttle import Throttle
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.receiver_registry import ReceiverRegistry
from smsrelay.store.refusal_counts import RefusalCounts
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks

_Publish = Callable[[Sequence[Received]], Awaitable[None]]


def serve_receiver(settings: ReceiverSettings, host: str, port: int) -> None:
    """Take callbacks until stopped."""
    logs.set_up()
    spool = Spool(settings.spool_folder, settings.spool_max)
    broker_down = threading.Event()
    with Publisher(settings.broker_url, connections=16) as publisher:
        redis = open_store(settings.store, connections=8)
        inbox, counts = Inbox(redis), RefusalCounts(redis, _epoch_ms)
        unreadable = UnreadableCallbacks(redis, settings.payload_cipher)

        def publish(received: Sequence[Received]) -> None:
            """Record, then publish: the queue alone may lose a report that was answered with 200."""
            try:
                tasks = inbox.record([one for one in received if isinstance(one, StatusEvent)])
                unreadable.keep([one for one in received if isinstance(one, UnreadableCallback)])
            except StoreUnavailable as error:
                raise BrokerUnavailable(str(error)) from None  # the receiver treats both the same: the report is spooled
            publisher.publish_many(tasks)

        publish_async = in_threads(publish)
        if settings.one_redis:
            pipeline = RedisPipeline(settings.store_url, inbox, fallback=publish_async, barrier=redis.barrier)
            publish_async = _pipelined(pipeline, fallback=publish_async)
        drain = SpoolDrain(spool, publish, publisher.reachable, broker_down)
        app = create_app(
            ReportBatcher(publish_async, spool, broker_down).keep,
            lambda: drain.alive and (spool.has_room() or publisher.reachable()),
            RefusedRequests(lambda refused: run_in_threadpool(counts.add, refused)),
            settings.callback_keys,
            _epoch_ms,
            max_body=settings.callback_max_bytes,
            unsigned=Throttle(settings.unsigned_rate, time.monotonic) if settings.unsigned_callbacks else None,
        )
        with drain, Heartbeat(ReceiverRegistry(redis), spool, this_receiver(settings.spool_folder, port)):
            serve(app, host, port, _limits(settings), settings.callback_keep_alive)


def _pipelined(pipeline: RedisPipeline, fallback: _Publish) -> _Publish:
    """Publishes through the pipeline; a batch with an unreadable callback, which is rare, goes through ``fallback``."""

    async def publish(received: Sequence[Received]) -> None:
        reports = [one for one in received if isinstance(one, StatusEvent)]
        await (pipeline.publish(reports) if len(reports) == len(received) else fallback(received))

    return publish


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000


def _limits(settings: ReceiverSettings) -> ConnectionLimits:
    return ConnectionLimits(
        message_bytes=4 * settings.callback_max_bytes + CHUNKED_OVERHEAD,
        connections=settings.callback_connections,
        per_address=settings.callback_connections_per_address,
    )
