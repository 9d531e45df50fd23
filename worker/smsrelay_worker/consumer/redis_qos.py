"""GatheringQoS: what a worker's channel holds unacknowledged, and what it tells the broker of it.

Kombu tells Redis of each delivery, each acknowledgement and each return by itself, and raises when it is not heard. Here they are
gathered (``consumer.unsent_acks``) and told at the event loop's next turn, together; what was not heard is told again.
Fails as the client does, in ``take`` and ``settle``.
"""

from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps, loads
from redis.exceptions import ResponseError

from smsrelay.servers.redis_errors import why_unavailable
from smsrelay_worker.consumer.queue_item import readable
from smsrelay_worker.consumer.unsent_acks import UnsentAcks, drained

_AT_ONCE = 64  # items taken by one call

log = structlog.get_logger()


class GatheringQoS(kombu_redis.QoS):  # type: ignore[misc]
    """Knows what is noted already, and gathers what is acknowledged or given back."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._noted: set[str] = set()
        self._owed: UnsentAcks = self.channel.owed

    def append(self, message: Any, delivery_tag: str) -> None:
        """Hold a message; note it as unacknowledged unless it is."""
        if delivery_tag not in self._noted:
            super().append(message, delivery_tag)
            return
        self._noted.discard(delivery_tag)
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge, at the event loop's next turn when there is one. A worker killed before gets the task again."""
        self._owe(self._owed.acks, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give back to its queue, or drop, as ``ack`` acknowledges."""
        self._owe(self._owed.returns if requeue else self._owed.acks, delivery_tag)

    def settle(self) -> None:
        """Tell the broker of all that is acknowledged and given back; what it did not hear is told again."""
        self._settle_acks()
        self._settle_returns()

    def take(self, message: dict[str, Any], queue: str, alone: bool) -> list[dict[str, Any]]:
        """Note a message that came from a queue; when that is ``alone``, take so many more of it as there is room for."""
        tag = message["properties"]["delivery_tag"]
        room = self.can_consume_max_estimate()
        more = (_AT_ONCE if room is None else max(0, min(room - 1, _AT_ONCE))) if alone else 0
        with self.channel.conn_or_acquire() as client:
            named = [self.unacked_index_key, self.unacked_key, queue]
            noted = dumps([message, "", queue])
            taken = self.channel.taking(client)(keys=named, args=[more, queue, tag, noted])
        self._noted.add(tag)
        return [self._whole(bytes(item), tag.decode(), queue) for tag, item in zip(taken[::2], taken[1::2], strict=True)]

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """Give back what others held for too long; a broker that refuses is asked again at the next look."""
        try:
            super().restore_visible(*args, **options)
        except ResponseError as error:
            self._owed.failed(error)

    def restore_unacked(self, client: Any = None) -> None:
        """Give back what is held at the end of a channel. What a broker that is away does not hear of, it gives out by itself."""
        tags = list(self._delivered)
        try:
            while tags:
                self.restore_by_tag(tags[-1], client)
                tags.pop()
        except (*self.channel.connection_errors, ResponseError) as error:
            reason = why_unavailable(error) or type(error).__name__
            log.warning("tasks in hand not given back", tasks=len(tags), reason=reason)
        self._delivered.clear()

    def _settle_acks(self) -> None:
        acks = self._owed.acks
        tags = drained(acks)
        if not tags:
            return
        try:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *tags).hdel(self.unacked_key, *tags).execute()
        except BaseException:
            acks.extend(tags)
            raise

    def _settle_returns(self) -> None:
        returns = self._owed.returns
        while returns:
            tag = returns.popleft()
            try:
                self.restore_by_tag(tag, leftmost=True)
            except (*self.channel.connection_errors, ResponseError):
                returns.appendleft(tag)
                raise

    def _owe(self, owed: Any, delivery_tag: str) -> None:
        virtual.QoS.ack(self, delivery_tag)
        owed.append(delivery_tag)
        if not self._owed.turns:
            self.settle()

    def _whole(self, item: bytes, tag: str, queue: str) -> dict[str, Any]:
        """A taken item for kombu; one that had to be made readable is noted anew, under the tag it has then."""
        envelope: dict[str, Any] = loads(readable(item, queue))
        if envelope["properties"]["delivery_tag"] == tag:
            self._noted.add(tag)
        else:
            self._owed.acks.append(tag)
        return envelope
