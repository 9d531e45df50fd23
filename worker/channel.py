"""The Redis transport of a worker's consumer: kombu's, which looks at each item of our queues before kombu takes it apart.

Enters: what BRPOP answers. Leaves: an item that kombu can read (``worker.item``), noted as unacknowledged like any other, so that
it goes back to its queue when it cannot be kept. A popped item stays in hand (``worker.owed``) until it is noted, and is noted
before it is delivered. What Redis refuses ends neither connection nor process; a lost connection fails as kombu's own does.

Kombu waits for the broker three times a task, in the one thread that consumes: to take it, to note it, to acknowledge it. Here
an item that was waited for is noted together with the next ones, which are taken by the same call, and what is acknowledged
between two looks at the queue goes out in one. What is noted, and how, stays kombu's, so that any other consumer can restore it.
"""

from importlib.resources import files
from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps, loads
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from producers.broker import QUEUES
from producers.channel import OneClientChannel
from producers.redis_errors import moved_on, why_unavailable
from worker.item import readable
from worker.owed import Owed, Popped

_AT_ONCE = 64  # items taken by one call

log = structlog.get_logger()

_TAKE = files("worker").joinpath("take.lua").read_text(encoding="utf-8")
_PUT_BACK = "#!lua flags=allow-oom\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])"  # Redis 7: it takes this with its memory full


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
    """Knows what is noted already, and gathers what is acknowledged or given back."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._noted: set[str] = set()
        self._owed: Owed = self.channel.owed

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
        acks, returns = self._owed.acks, self._owed.returns
        if tags := list(acks):
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *tags).hdel(self.unacked_key, *tags).execute()
            for _ in tags:
                acks.popleft()
        while returns:
            tag = returns.popleft()
            try:
                self.restore_by_tag(tag, leftmost=True)
            except (*self.channel.connection_errors, ResponseError):
                returns.appendleft(tag)
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


class CheckingChannel(OneClientChannel):
    """A channel that reads through ``CheckingRedis``; a key prefix, which we never set, keeps kombu's own client."""

    QoS = GatheringQoS
    _taking: Any = None

    def __init__(self, connection: Any, **options: Any) -> None:
        self.owed: Owed = connection.owed
        super().__init__(connection, **options)

    def taking(self, client: Any) -> Any:
        """The script that takes."""
        if self._taking is None or self._taking.registered_client is not client:
            self._taking = client.register_script(_TAKE)
        return self._taking

    def reads(self, queue: str) -> bool:
        """Whether it consumes from a queue."""
        return not self._closing and queue in self.active_queues

    def take(self, one: Popped) -> list[dict[str, Any]]:
        """Note an item, and take more of its queue. A consumer of several takes singly: one must not fill the others' room."""
        more: list[dict[str, Any]] = self.qos.take(one.message, one.queue, alone=self.active_queues == [one.queue])
        return more

    def settle(self) -> None:
        """Tell the broker of what is owed to it. When it does not answer, a later turn tells it; at the end, nobody."""
        if not (self.owed.acks or self.owed.returns):
            return
        try:
            self.qos.settle()
        except (*self.connection_errors, ResponseError) as error:
            self.owed.failed(error)
        else:
            self.owed.answered()

    def put_back(self) -> None:
        """Give what was popped and not noted back to its queue, to where it was; what the broker refuses stays in hand."""
        popped = self.owed.popped
        try:
            while popped:
                self._put_back(popped[0])
                popped.popleft()
        except (*self.connection_errors, ResponseError) as error:
            self.owed.failed(error)

    def close(self) -> None:
        """Close; before, everything owed is told and what was popped goes back."""
        if not self.closed:
            self._closing = True
            if self._in_poll:
                self._read_last()
            self.put_back()
            self.settle()
        super().close()

    def _read_last(self) -> None:
        try:
            self._brpop_read()
        except Empty:
            return
        except self.connection_errors as error:  # with it, perhaps, an item: the one window that is left
            self.owed.failed(error)

    def _put_back(self, one: Popped) -> None:
        key = self._q_for_pri(one.queue, self._get_message_priority(one.message, reverse=False))
        item = dumps(one.message)
        with self.conn_or_acquire() as client:
            try:
                client.rpush(key, item)
            except OutOfMemoryError:
                client.eval(_PUT_BACK, 1, key, item)

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Wait for the next item, unless one is in hand or the broker has just failed."""
        self.connection.deliver_popped()
        if not self.owed.popped and not self.owed.resting:
            super()._brpop_start(timeout)

    def _brpop_read(self, **options: Any) -> Any:
        """What was waited for. A refusal is no item, and the connection is well, unless another server has taken over."""
        try:
            read = super()._brpop_read(**options)
        except ResponseError as error:
            self.owed.failed(error)
            if moved_on(error):
                self.client.connection.disconnect()
                raise RedisConnectionError(why_unavailable(error)) from None
            raise Empty from None
        except Empty:
            self.owed.answered()
            raise
        return read

    def _get_client(self) -> Any:
        client = super()._get_client()
        return CheckingRedis if client is Redis else client


class CheckingTransport(kombu_redis.Transport):  # type: ignore[misc]
    """Kombu's Redis transport with that channel."""

    Channel = CheckingChannel

    def __init__(self, *args: Any, **options: Any) -> None:
        self.owed = self._owed()
        super().__init__(*args, **options)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Take part in the loop, and settle at each of its turns."""
        super().register_with_event_loop(connection, loop)
        self.owed.turns = True
        loop.on_tick.add(self._settle)

    def deliver_popped(self) -> None:
        """Note and deliver what was popped, and the next ones of its queue. What cannot be noted now stays in hand."""
        popped = self.owed.popped
        while popped and not self.owed.resting:
            one = popped[0]
            channel = next((channel for channel in self.channels if channel.reads(one.queue)), None)
            if channel is None:
                return
            try:
                more = channel.take(one)
            except (*self.connection_errors, ResponseError) as error:
                self.owed.failed(error)
                return
            popped.popleft()
            self.owed.answered()
            for each in (one.message, *more):
                super()._deliver(each, one.queue)

    def _owed(self) -> Owed:
        """What this connection owes: all that its process does, where ``owing`` made the class."""
        return Owed()

    def _settle(self) -> None:
        for channel in list(self.channels):
            if not self.owed.resting:
                channel.settle()

    def _deliver(self, message: dict[str, Any], queue: str) -> None:
        """Deliver a message, and the next ones of its queue."""
        if queue in QUEUES:
            self.owed.popped.append(Popped(message, queue))
            self.deliver_popped()
        else:
            super()._deliver(message, queue)


def owing(owed: Owed) -> type[CheckingTransport]:
    """The transport for all connections, one after the other, of a process that owes this."""

    class OwingTransport(CheckingTransport):
        def _owed(self) -> Owed:
            return owed

    return OwingTransport


def _name(key: Any) -> str:
    """A queue's name; a priority may follow it."""
    return bytes(key).decode("utf-8", "replace").split(CheckingChannel.sep)[0]
