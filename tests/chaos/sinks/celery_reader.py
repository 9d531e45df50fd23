"""The apps' Celery queues: a process that reads them as a Celery worker would, notes each task, and fails at random.

It loses nothing by itself: on Valkey a task is moved aside until it is done, on RabbitMQ it is acknowledged then. Celery's own
worker on Redis may lose what it was just given when it is killed, which would be counted against the relay.

Takes the broker's URL, past the proxy, the seed and the file of its notes.
"""

import argparse
import base64
import contextlib
import json
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from kombu import Connection, Queue
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError
from redis.sentinel import Sentinel

from tests.chaos.sinks import misbehaviour
from tests.chaos.sinks.apps import QUEUES, TASK
from tests.chaos.sinks.misbehaviour import react
from tests.chaos.sinks.telling import CELERY, Notes, Telling

_IDLE = 0.1  # seconds between looks at queues that are empty
_AGAIN = 0.5  # seconds after the broker did not answer


class TaskQueue(Protocol):
    """One app's queue at some broker. Its methods raise ``RedisError``, ``OperationalError`` or ``OSError``."""

    def take(self) -> tuple[Any, Mapping[str, Any], str] | None:
        """A task: what ``finish`` needs, its headers, its body; None when there is none."""
        ...

    def finish(self, task: Any, *, again: bool) -> None:
        """It is done, or must come again."""
        ...

    def waiting(self) -> int:
        """Tasks that are not done."""
        ...


class ValkeyQueue:
    """A list, and beside it what is in hand: one task at most. What no answer told of is put back before the next is taken."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._name = name
        self._in_hand = f"{name}.in_hand"
        self._recovered = False

    def take(self) -> tuple[Any, Mapping[str, Any], str] | None:
        """The oldest; what an earlier life had in hand comes again first."""
        while not self._recovered:
            self._recovered = self._redis.lmove(self._in_hand, self._name, "LEFT", "RIGHT") is None
        self._recovered = False  # the answer may be lost, and the task in hand all the same
        wire: Any = self._redis.lmove(self._name, self._in_hand, "RIGHT", "LEFT")
        if wire is None:
            self._recovered = True
            return None
        task = json.loads(wire)
        return wire, task["headers"], base64.b64decode(task["body"]).decode("utf-8")

    def finish(self, task: Any, *, again: bool) -> None:
        """Remove it, or put it back to the end."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.lrem(self._in_hand, 1, task)
            if again:
                pipeline.lpush(self._name, task)
            pipeline.execute()
        self._recovered = True

    def waiting(self) -> int:
        """Both lists."""
        return int(self._redis.llen(self._name)) + int(self._redis.llen(self._in_hand))  # type: ignore[arg-type]


class RabbitQueue:
    """A durable queue, declared as Celery declares one."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: Connection | None = None
        self._queue: Any = None

    def take(self) -> tuple[Any, Mapping[str, Any], str] | None:
        """The oldest."""
        try:
            message = self._bound().get(no_ack=False)
        except Exception as error:  # of whatever kind the driver likes
            self._connection = None
            raise OSError("RabbitMQ does not answer") from error
        if message is None:
            return None
        body = message.body
        return message, message.headers, body if isinstance(body, str) else bytes(body).decode("utf-8")

    def finish(self, task: Any, *, again: bool) -> None:
        """Acknowledge it, or have it queued again."""
        try:
            task.requeue() if again else task.ack()
        except Exception as error:
            self._connection = None
            raise OSError("RabbitMQ does not answer") from error

    def waiting(self) -> int:
        """Tasks that no reader holds."""
        try:
            return int(self._bound().queue_declare(passive=True).message_count)
        except Exception as error:
            self._connection = None
            raise OSError("RabbitMQ does not answer") from error

    def _bound(self) -> Any:
        if self._connection is None:
            self._connection = Connection(self._url, connect_timeout=3)
            self._queue = Queue(self._name, durable=True)(self._connection.channel())
            self._queue.declare()
        return self._queue


class Reader:
    """Reads all queues in turn."""

    def __init__(self, queues: Mapping[str, TaskQueue], notes: Notes, seed: int) -> None:
        self._queues = queues
        self._notes = notes
        self._seed = seed
        self._times: Counter[str] = Counter()

    def run(self) -> None:
        """Until it is killed."""
        while True:
            try:
                busy = [self._one(name, queue) for name, queue in self._queues.items()]
                time.sleep(0.0 if any(busy) else _IDLE)
            except (RedisError, OperationalError, OSError):
                time.sleep(_AGAIN)

    def _one(self, name: str, queue: TaskQueue) -> bool:
        found = queue.take()
        if found is None:
            return False
        task, headers, body = found
        task_id = str(headers.get("id", ""))
        reaction = react(misbehaviour.CELERY, self._seed, task_id, self._times[task_id])
        self._times[task_id] += 1
        time.sleep(reaction.delay)
        event, genuine = _read(headers, body)
        at = time.time_ns() // 1_000_000
        self._notes.write(Telling(at, CELERY, name, task_id, event, genuine, reaction.processes, reaction.name))
        queue.finish(task, again=reaction.status != 0)
        return True


def _read(headers: Mapping[str, Any], body: str) -> tuple[str, bool]:
    """The event of a task of protocol 2, and whether it came as the app's task expects it: one argument, no more."""
    try:
        [event], named, _ = json.loads(body)
    except (ValueError, TypeError):
        return body, False
    return json.dumps(event, ensure_ascii=False), headers.get("task") == TASK and not named


def queues_at(url: str) -> dict[str, TaskQueue]:
    """The apps' queues at a broker."""
    if url.startswith("amqp"):
        return {name: RabbitQueue(url, name) for name in QUEUES}
    redis = _primary(url) if url.startswith("sentinel") else Redis.from_url(url, decode_responses=True, socket_timeout=10)
    return {name: ValkeyQueue(redis, name) for name in QUEUES}


def _primary(url: str) -> Redis:
    """The server that sentinels name, asked at each new connection: ``sentinel://user:password@host:port,…/0?master=name``."""
    parts = urlsplit(url)
    login, _, servers = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    sentinels = [(host, int(port)) for host, _, port in (one.partition(":") for one in servers.split(","))]
    found = Sentinel(sentinels, sentinel_kwargs={"socket_timeout": 1}, username=username, password=password, socket_timeout=3)
    redis: Redis = found.master_for(parse_qs(parts.query)["master"][0], decode_responses=True)
    return redis


def waiting_at(url: str) -> int:
    """Tasks of the apps that are not done; one when the broker does not answer."""
    with contextlib.suppress(RedisError, OSError):
        return sum(queue.waiting() for queue in queues_at(url).values())
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--notes", type=Path, required=True)
    given = parser.parse_args()
    Reader(queues_at(given.broker), Notes(given.notes), given.seed).run()
