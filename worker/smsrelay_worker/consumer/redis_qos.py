"""BatchingQoS: the unacknowledged messages of a worker's channel on Redis, and what still has to be sent about them.

Kombu sends each delivery record, acknowledgement and requeue by itself, and raises when Redis does not take it. This class
gathers them in ``UnsentAcks`` and sends them together at the next turn of the event loop; what failed is sent again. ``take`` and
``flush`` raise what the client raises.
"""

from collections import deque
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps, loads
from redis.exceptions import ResponseError

from smsrelay.servers.redis_errors import why_unavailable
from smsrelay_worker.consumer.queue_item import readable_item
from smsrelay_worker.consumer.unsent_acks import UnsentAcks, drain

_BATCH = 64  # items popped by one call at most

log = structlog.get_logger()


class BatchingQoS(kombu_redis.QoS):  # type: ignore[misc]
    """Knows which messages are recorded as unacknowledged already, and gathers acknowledgements and requeues."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._recorded: set[str] = set()
        self._unsent: UnsentAcks = self.channel.unsent

    def append(self, message: Any, delivery_tag: str) -> None:
        """Hold a message; record it as unacknowledged unless ``take`` has."""
        if delivery_tag not in self._recorded:
            super().append(message, delivery_tag)
            return
        self._recorded.discard(delivery_tag)
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge, at the event loop's next turn if there is one. If the worker is killed before, the task is redelivered."""
        self._send_later(self._unsent.acks, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Requeue or drop, at the same time as ``ack`` acknowledges."""
        self._send_later(self._unsent.requeues if requeue else self._unsent.acks, delivery_tag)

    def flush(self) -> None:
        """Send all gathered acknowledgements and requeues; what fails is kept for the next flush."""
        self._flush_acks()
        self._flush_requeues()

    def take(self, message: dict[str, Any], queue: str, alone: bool) -> list[dict[str, Any]]:
        """Record a popped message as unacknowledged. If ``queue`` is consumed ``alone``, pop more, up to the prefetch limit.

        Returns the additional messages, recorded too.
        """
        tag = message["properties"]["delivery_tag"]
        room = self.can_consume_max_estimate()
        more = (_BATCH if room is None else max(0, min(room - 1, _BATCH))) if alone else 0
        with self.channel.conn_or_acquire() as client:
            keys = [self.unacked_index_key, self.unacked_key, queue]
            record = dumps([message, "", queue])
            taken = self.channel.take_script(client)(keys=keys, args=[more, queue, tag, record])
        self._recorded.add(tag)
        return [self._envelope(bytes(item), tag.decode(), queue) for tag, item in zip(taken[::2], taken[1::2], strict=True)]

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """Requeue what other consumers held for too long; if the broker refuses, the next check tries again."""
        try:
            super().restore_visible(*args, **options)
        except ResponseError as error:
            self._unsent.failed(error)

    def restore_unacked(self, client: Any = None) -> None:
        """Requeue what the channel holds when it closes. If the broker is unreachable, it redelivers the rest by itself."""
        tags = list(self._delivered)
        try:
            while tags:
                self.restore_by_tag(tags[-1], client)
                tags.pop()
        except (*self.channel.connection_errors, ResponseError) as error:
            reason = why_unavailable(error) or type(error).__name__
            log.warning("unacknowledged tasks not requeued", tasks=len(tags), reason=reason)
        self._delivered.clear()

    def _flush_acks(self) -> None:
        acks = self._unsent.acks
        tags = drain(acks)
        if not tags:
            return
        try:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *tags).hdel(self.unacked_key, *tags).execute()
        except BaseException:
            acks.extend(tags)
            raise

    def _flush_requeues(self) -> None:
        requeues = self._unsent.requeues
        while requeues:
            tag = requeues.popleft()
            try:
                self.restore_by_tag(tag, leftmost=True)
            except (*self.channel.connection_errors, ResponseError):
                requeues.appendleft(tag)
                raise

    def _send_later(self, tags: deque[str], delivery_tag: str) -> None:
        virtual.QoS.ack(self, delivery_tag)
        tags.append(delivery_tag)
        if not self._unsent.event_loop:
            self.flush()

    def _envelope(self, item: bytes, tag: str, queue: str) -> dict[str, Any]:
        """A taken item as kombu reads it. One that had to be wrapped has a new tag, under which it will be recorded."""
        envelope: dict[str, Any] = loads(readable_item(item, queue))
        if envelope["properties"]["delivery_tag"] == tag:
            self._recorded.add(tag)
        else:
            self._unsent.acks.append(tag)
        return envelope
