"""The Redis transport of a worker's consumer: kombu's, which looks at each item of our queues before kombu takes it apart.

Turns what BRPOP answers into an item that kombu can read (``queue_item``), noted as unacknowledged like any other, so that it
goes back to its queue when it cannot be kept. What is no message of remote control, which nobody keeps, is dropped. A popped
item stays in hand (``unsent_acks``) until it is noted, and is noted before it is delivered. What Redis refuses ends neither
connection nor process; a lost connection fails as kombu's own does.

Kombu waits for the broker three times a task, in the one thread that consumes: to take it, to note it, to acknowledge it. Here
an item that was waited for is noted together with the next ones, which are taken by the same call, and what is acknowledged
between two looks at the queue goes out in one. What is noted, and how, stays kombu's, so that any other consumer can restore it.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis as kombu_redis
from kombu.utils.json import dumps
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from smsrelay.broker.queues import QUEUES
from smsrelay.broker.redis_transport import OneClientChannel
from smsrelay.resources import text_beside
from smsrelay.servers.redis_errors import needs_new_connection, why_unavailable
from smsrelay_worker.consumer.queue_item import readable, whole
from smsrelay_worker.consumer.redis_qos import GatheringQoS
from smsrelay_worker.consumer.unsent_acks import Popped, UnsentAcks

log = structlog.get_logger()

_TAKE = text_beside(__name__, "take.lua")
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


class CheckingChannel(OneClientChannel):
    """A channel that reads through ``CheckingRedis``; a key prefix, which we never set, keeps kombu's own client."""

    QoS = GatheringQoS
    _taking: Any = None

    def __init__(self, connection: Any, **options: Any) -> None:
        self.owed: UnsentAcks = connection.owed
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

    def maybe_refresh_binding_expiry(self) -> None:
        """Keep up the bindings of remote control; what is refused is tried again in a second, and kombu logs each time."""
        try:
            super().maybe_refresh_binding_expiry()
        except ResponseError as error:
            log.debug("bindings not refreshed", reason=why_unavailable(error))

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
        if self.owed.popped and not self.owed.resting:  # off a queue that is not consumed from any more
            self.put_back()
        if not self.owed.popped and not self.owed.resting:
            super()._brpop_start(timeout)

    def _brpop_read(self, **options: Any) -> Any:
        """What was waited for. A refusal is no item, and the connection is well, unless another server has taken over."""
        try:
            read = super()._brpop_read(**options)
        except ResponseError as error:
            self.owed.failed(error)
            if needs_new_connection(error):
                self.client.connection.disconnect()
                raise RedisConnectionError(why_unavailable(error)) from None
            raise Empty from None
        except Empty:
            self.owed.answered()
            raise
        return read

    def _handle_message(self, client: Any, response: Any) -> Any:
        """What somebody published for remote control. Kombu would end the process over what is no message; it is dropped."""
        published: dict[str, Any] = super()._handle_message(client, response)
        if isinstance(published["data"], bytes | str) and not whole(published["data"]):
            published["data"] = None
        return published

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

    def _owed(self) -> UnsentAcks:
        """What this connection owes: all that its process does, where ``owing`` made the class."""
        return UnsentAcks()

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


def owing(owed: UnsentAcks) -> type[CheckingTransport]:
    """The transport for all connections, one after the other, of a process that owes this."""

    class OwingTransport(CheckingTransport):
        def _owed(self) -> UnsentAcks:
            return owed

    return OwingTransport


def _name(key: Any) -> str:
    """A queue's name; a priority may follow it."""
    return bytes(key).decode("utf-8", "replace").split(CheckingChannel.sep)[0]
