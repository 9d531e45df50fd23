"""The Redis transport of a worker's consumer: kombu's, which looks at each item of our queues before kombu takes it apart.

Enters: what BRPOP answers. Leaves: an item that kombu can read (``worker.item``), noted as unacknowledged like any other, so that
it goes back to its queue when it cannot be kept. Fails as kombu's own does.

Kombu waits for the broker three times a task, in the one thread that consumes: to take it, to note it, to acknowledge it. Here
an item that was waited for is noted together with the next ones, which are taken by the same call, and what is acknowledged
between two looks at the queue goes out in one. What is noted, and how, stays kombu's, so that any other consumer can restore it.
"""

import contextlib
from collections import deque
from importlib.resources import files
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps, loads
from redis import Redis

from producers.broker import QUEUES
from producers.channel import OneClientChannel
from worker.item import readable

_AT_ONCE = 64  # items taken by one call

log = structlog.get_logger()

_TAKE = files("worker").joinpath("take.lua").read_text(encoding="utf-8")


class CheckingRedis(Redis):
    """A client whose BRPOP brings envelopes only."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """The server's answer; in that of BRPOP, the item is made readable."""
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name != "BRPOP" or not answer:
            return answer
        key, item = answer
        queue = _name(key)
        return (key, readable(bytes(item), queue)) if queue in QUEUES else answer


class GatheringQoS(kombu_redis.QoS):  # type: ignore[misc]
    """Knows what is noted already, and gathers what is acknowledged."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._noted: set[str] = set()
        self._owed: deque[str] = deque()

    def append(self, message: Any, delivery_tag: str) -> None:
        """Hold a message; note it as unacknowledged unless it is."""
        if delivery_tag not in self._noted:
            super().append(message, delivery_tag)
            return
        self._noted.discard(delivery_tag)
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge, at the event loop's next turn when there is one. A worker killed before gets the task again."""
        virtual.QoS.ack(self, delivery_tag)
        self._owed.append(delivery_tag)
        if self.channel.closed or not self.channel.connection.turns:
            self.settle()

    def settle(self) -> None:
        """Tell the broker of all that was acknowledged; what it did not hear is told again."""
        tags = drained(self._owed)
        if not tags:
            return
        try:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *tags).hdel(self.unacked_key, *tags).execute()
        except BaseException:
            self._owed.extend(tags)
            raise

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

    def _whole(self, item: bytes, tag: str, queue: str) -> dict[str, Any]:
        """A taken item for kombu; one that had to be made readable is noted anew, under the tag it has then."""
        envelope: dict[str, Any] = loads(readable(item, queue))
        if envelope["properties"]["delivery_tag"] == tag:
            self._noted.add(tag)
        else:
            self._owed.append(tag)
        return envelope


class CheckingChannel(OneClientChannel):
    """A channel that reads through ``CheckingRedis``; a key prefix, which we never set, keeps kombu's own client."""

    QoS = GatheringQoS
    _taking: Any = None
    _unheard = False

    def taking(self, client: Any) -> Any:
        """The script that takes."""
        if self._taking is None or self._taking.registered_client is not client:
            self._taking = client.register_script(_TAKE)
        return self._taking

    def take(self, message: dict[str, Any], queue: str) -> list[dict[str, Any]]:
        """Note a message, and take more of its queue. A consumer of several takes singly: one must not fill the others' room."""
        return [] if self._closing else self.qos.take(message, queue, alone=self.active_queues == [queue])

    def settle(self) -> None:
        """Tell the broker of what was acknowledged. When it does not answer, the next turn tells it; at the end, nobody."""
        try:
            self.qos.settle()
        except self.connection_errors as error:
            if not self._unheard:  # there are many turns in an outage
                log.warning("the broker did not hear what was acknowledged", reason=type(error).__name__)
            self._unheard = True
        else:
            self._unheard = False

    def close(self) -> None:
        """Close; what was acknowledged is told before."""
        if not self.closed:
            self.settle()
        super().close()

    def _get_client(self) -> Any:
        client = super()._get_client()
        return CheckingRedis if client is Redis else client


class CheckingTransport(kombu_redis.Transport):  # type: ignore[misc]
    """Kombu's Redis transport with that channel."""

    Channel = CheckingChannel
    turns = False  # whether an event loop settles

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Take part in the loop, and settle at each of its turns."""
        super().register_with_event_loop(connection, loop)
        self.turns = True
        loop.on_tick.add(self._settle)

    def _settle(self) -> None:
        for channel in list(self.channels):
            channel.settle()

    def _deliver(self, message: dict[str, Any], queue: str) -> None:
        """Deliver a message, and the next ones of its queue."""
        channel = next((channel for channel in self.channels if queue in channel.active_queues), None)
        more = channel.take(message, queue) if channel else []
        for each in (message, *more):
            super()._deliver(each, queue)


def drained(owed: deque[str]) -> list[str]:
    """Everything that is owed; another thread may take some of it meanwhile, where threads are the system's."""
    tags: list[str] = []
    with contextlib.suppress(IndexError):
        while True:
            tags.append(owed.popleft())
    return tags


def _name(key: Any) -> str:
    """A queue's name; a priority may follow it."""
    return bytes(key).decode("utf-8", "replace").split(CheckingChannel.sep)[0]
