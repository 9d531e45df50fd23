"""The Redis transport of a worker's consumer: kombu's, made safe against invalid items and refused commands, and faster.

- Whatever BRPOP returns is made readable before kombu parses it (``queue_item``) and recorded as unacknowledged like any task, so
  that it is requeued if it cannot be stored. Unreadable remote-control messages are dropped.
- A popped item is recorded before it is delivered. Until then it is kept in memory (``unsent_acks``).
- A command that Redis refuses ends neither connection nor process. A lost connection raises as in kombu.
- Kombu waits for the broker three times a task, in the one consuming thread: to pop it, to record it, to acknowledge it. Here one
  call records the popped item and pops the next ones with it (``take.lua``), and all acknowledgements between two reads of the
  queue go out in one call. The records are kombu's own, so any other consumer can restore them.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.utils.json import dumps
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from smsrelay.broker.queues import QUEUES
from smsrelay.broker.redis_transport import OneClientChannel, OneClientTransport
from smsrelay.resources import text_beside
from smsrelay.servers.redis_errors import needs_new_connection, why_unavailable
from smsrelay_worker.consumer.queue_item import is_readable, readable_item
from smsrelay_worker.consumer.redis_qos import BatchingQoS
from smsrelay_worker.consumer.unsent_acks import Popped, UnsentAcks

log = structlog.get_logger()

_TAKE = text_beside(__name__, "take.lua")
_REQUEUE = "#!lua flags=allow-oom\nreturn redis.call('RPUSH', KEYS[1], ARGV[1])"  # Redis 7 runs this with its memory full


class CheckingRedis(Redis):
    """A client whose BRPOP returns only envelopes that kombu can read."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """The server's answer; in that of BRPOP, the item is made readable."""
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name != "BRPOP" or not answer:
            return answer
        key, item = answer
        queue = _queue_of(key)
        return (key, readable_item(bytes(item), queue)) if queue in QUEUES else answer


class CheckingChannel(OneClientChannel):
    """A channel that reads through ``CheckingRedis``. With a key prefix, which we never set, it would use kombu's own client."""

    QoS = BatchingQoS
    _take_script: Any = None

    def __init__(self, connection: Any, **options: Any) -> None:
        self.unsent: UnsentAcks = connection.unsent
        super().__init__(connection, **options)

    def take_script(self, client: Any) -> Any:
        """``take.lua``, registered with this client."""
        if self._take_script is None or self._take_script.registered_client is not client:
            self._take_script = client.register_script(_TAKE)
        return self._take_script

    def consumes(self, queue: str) -> bool:
        """Whether it consumes from a queue."""
        return not self._closing and queue in self.active_queues

    def take(self, popped: Popped) -> list[dict[str, Any]]:
        """Record an item and pop more of its queue; of several queues singly, because none may use up the prefetch limit."""
        more: list[dict[str, Any]] = self.qos.take(popped.message, popped.queue, alone=self.active_queues == [popped.queue])
        return more

    def flush(self) -> None:
        """Send gathered acknowledgements and requeues. If the broker fails, a later turn tries again, if there is one."""
        if not (self.unsent.acks or self.unsent.requeues):
            return
        try:
            self.qos.flush()
        except (*self.connection_errors, ResponseError) as error:
            self.unsent.failed(error)
        else:
            self.unsent.answered()

    def requeue_popped(self) -> None:
        """Put what was popped and not recorded back to where it was on its queue; what the broker refuses is kept."""
        popped = self.unsent.popped
        try:
            while popped:
                self._requeue(popped[0])
                popped.popleft()
        except (*self.connection_errors, ResponseError) as error:
            self.unsent.failed(error)

    def close(self) -> None:
        """Close, after requeueing popped items and sending everything gathered."""
        if not self.closed:
            self._closing = True
            if self._in_poll:
                self._read_last()
            self.requeue_popped()
            self.flush()
        super().close()

    def maybe_refresh_binding_expiry(self) -> None:
        """Refresh the bindings of remote control. A refusal is retried after a second; kombu would log each."""
        try:
            super().maybe_refresh_binding_expiry()
        except ResponseError as error:
            log.debug("remote-control bindings not refreshed", reason=why_unavailable(error))

    def _read_last(self) -> None:
        try:
            self._brpop_read()
        except Empty:
            return
        except self.connection_errors as error:  # an item may be lost with the connection: the one window that remains
            self.unsent.failed(error)

    def _requeue(self, popped: Popped) -> None:
        key = self._q_for_pri(popped.queue, self._get_message_priority(popped.message, reverse=False))
        item = dumps(popped.message)
        with self.conn_or_acquire() as client:
            try:
                client.rpush(key, item)
            except OutOfMemoryError:
                client.eval(_REQUEUE, 1, key, item)

    def _brpop_start(self, timeout: float | None = None) -> None:
        """Wait for the next item, unless one is still to be recorded or the broker has just failed."""
        self.connection.deliver_popped()
        if self.unsent.popped and not self.unsent.backing_off:  # of a queue that is no longer consumed
            self.requeue_popped()
        if not self.unsent.popped and not self.unsent.backing_off:
            super()._brpop_start(timeout)

    def _brpop_read(self, **options: Any) -> Any:
        """The item that BRPOP returned. A refusal raises ``Empty`` and keeps the connection, unless another server took over."""
        try:
            read = super()._brpop_read(**options)
        except ResponseError as error:
            self.unsent.failed(error)
            if needs_new_connection(error):
                self.client.connection.disconnect()
                raise RedisConnectionError(why_unavailable(error)) from None
            raise Empty from None
        except Empty:
            self.unsent.answered()
            raise
        return read

    def _handle_message(self, client: Any, response: Any) -> Any:
        """What was published for remote control. An unreadable message, on which kombu would end the process, is dropped."""
        published: dict[str, Any] = super()._handle_message(client, response)
        if isinstance(published["data"], bytes | str) and not is_readable(published["data"]):
            published["data"] = None
        return published

    def _get_client(self) -> Any:
        client = super()._get_client()
        return CheckingRedis if client is Redis else client


class CheckingTransport(OneClientTransport):
    """Our Redis transport with ``CheckingChannel``."""

    Channel = CheckingChannel

    def __init__(self, *args: Any, **options: Any) -> None:
        self.unsent = self._unsent_acks()
        super().__init__(*args, **options)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Register with the loop; flush at each of its turns, and leave a primary that is outdated."""
        super().register_with_event_loop(connection, loop)
        self.unsent.event_loop = True
        loop.on_tick.add(self._turn)

    def deliver_popped(self) -> None:
        """Record and deliver what was popped, and the next items of its queue. What cannot be recorded now is kept."""
        waiting = self.unsent.popped
        while waiting and not self.unsent.backing_off:
            popped = waiting[0]
            channel = next((channel for channel in self.channels if channel.consumes(popped.queue)), None)
            if channel is None:
                return
            try:
                more = channel.take(popped)
            except (*self.connection_errors, ResponseError) as error:
                self.unsent.failed(error)
                return
            waiting.popleft()
            self.unsent.answered()
            for message in (popped.message, *more):
                super()._deliver(message, popped.queue)

    def _unsent_acks(self) -> UnsentAcks:
        """What this connection has to send: its own, unless ``transport_with`` made the class."""
        return UnsentAcks()

    def _turn(self) -> None:
        self.leave_outdated()
        for channel in list(self.channels):
            if not self.unsent.backing_off:
                channel.flush()

    def _deliver(self, message: dict[str, Any], queue: str) -> None:
        """Deliver a message, and the next items of its queue."""
        if queue in QUEUES:
            self.unsent.popped.append(Popped(message, queue))
            self.deliver_popped()
        else:
            super()._deliver(message, queue)


def transport_with(unsent: UnsentAcks) -> type[CheckingTransport]:
    """A transport class whose connections, one after the other, share ``unsent``."""

    class SharingTransport(CheckingTransport):
        def _unsent_acks(self) -> UnsentAcks:
            return unsent

    return SharingTransport


def _queue_of(key: Any) -> str:
    """The queue of a Redis key, to which kombu may have appended a priority."""
    return bytes(key).decode("utf-8", "replace").split(CheckingChannel.sep)[0]
