"""The Redis transport of a worker's consumer: kombu's, which looks at each item of our queues before kombu takes it apart.

Enters: what BRPOP answers. Leaves: an item that kombu can read (``worker.item``), noted as unacknowledged like any other, so that
it goes back to its queue when it cannot be kept. Fails as kombu's own does.
"""

from typing import Any

from kombu.transport import redis as kombu_redis
from redis import Redis

from producers.broker import QUEUES
from producers.channel import OneClientChannel
from worker.item import readable


class CheckingRedis(Redis):
    """A client whose BRPOP brings envelopes only."""

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """The server's answer; in that of BRPOP, the item is made readable."""
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name != "BRPOP" or not answer:
            return answer
        key, item = answer
        queue = bytes(key).decode("utf-8", "replace").split(CheckingChannel.sep)[0]  # a priority may follow its name
        return (key, readable(bytes(item), queue)) if queue in QUEUES else answer


class CheckingChannel(OneClientChannel):
    """A channel that reads through ``CheckingRedis``; a key prefix, which we never set, keeps kombu's own client."""

    def _get_client(self) -> Any:
        client = super()._get_client()
        return CheckingRedis if client is Redis else client


class CheckingTransport(kombu_redis.Transport):  # type: ignore[misc]
    """Kombu's Redis transport with that channel."""

    Channel = CheckingChannel
