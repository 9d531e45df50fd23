"""Script: a Lua file next to its module, run once or many times in a single round trip.

A server that does not know the script (it restarted or was flushed) gets it again. Calls may be repeated: each of our scripts is
idempotent. A durable script's runs count only once enough replicas have what they wrote, or found written (``store.barrier``).
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from smsrelay.resources import text_beside
from smsrelay.servers.redis_errors import drop_arguments, needs_new_connection, why_unavailable
from smsrelay.servers.time_limit import time_left
from smsrelay.store.barrier import NO_BARRIER
from smsrelay.store.connection import StoreRedis, StoreUnavailable, drop_connections, store_answers


@dataclass(frozen=True, slots=True)
class Call:
    """Keys and arguments of one run. Its repr shows no arguments: one may be a phone number."""

    keys: Sequence[str]
    args: Sequence[str | int | float] = field(repr=False)


class Script:
    """The Lua script ``name`` in the folder of ``module``. Runs raise ``StoreUnavailable`` if the store does not answer.

    ``preludes``: files in the folder of this module that come before it, with functions that several scripts share.
    ``durable``: runs also raise it if too few replicas have what was written. They may have it later, and running again tells.
    """

    def __init__(self, redis: StoreRedis, module: str, name: str, preludes: Sequence[str] = (), *, durable: bool = False) -> None:
        self._redis = redis
        self.barrier = redis.barrier if durable else NO_BARRIER
        parts = [*(text_beside(__name__, prelude) for prelude in preludes), text_beside(module, name)]
        self._script = redis.register_script("\n".join(parts))

    @property
    def source(self) -> str:
        """The Lua source, for ``SCRIPT LOAD``."""
        return str(self._script.script)

    def durable(self) -> "Script":
        """The same script, durable."""
        twin = copy(self)
        twin.barrier = self._redis.barrier
        return twin

    def run(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run once, in one round trip."""
        return self.begin([Call(keys, args)]).answers()[0]  # bypasses the client, which costs more than running the script

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run once for each call, all in one round trip, but not as one transaction."""
        if not calls:
            return []
        if len(calls) == 1:  # a pipeline costs a client object of its own
            return [self.run(calls[0].keys, calls[0].args)]
        return self.run_with_retries(calls)

    def run_with_retries(self, calls: Sequence[Call]) -> list[Any]:
        """Like ``run_many``, but through the client, which retries and loads the script if the server does not know it."""
        if not calls:
            return []
        with store_answers():
            answers = self._pipelined(calls)
            if any(isinstance(answer, Exception) and needs_new_connection(answer) for answer in answers):
                drop_connections(self._redis)
                answers = self._pipelined(calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                self._redis.script_load(self._script.script)
                answers = self._pipelined(calls)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
            if shortfall := self.barrier.shortfall(answers[len(calls) :]):
                drop_connections(self._redis)
                raise StoreUnavailable(shortfall)
        return answers[: len(calls)]

    def begin(self, calls: Sequence[Call]) -> "PendingCalls":
        """Send calls without waiting, so that the store works on them while the caller does something else."""
        return PendingCalls(self, self._redis, calls)

    def commands(self, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
        """The calls as commands to send on a connection."""
        return [("EVALSHA", self._script.sha, len(call.keys), *call.keys, *call.args) for call in calls]

    def _pipelined(self, calls: Sequence[Call]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.evalsha(self._script.sha, len(call.keys), *call.keys, *(str(arg) for arg in call.args))
            for command in self.barrier.commands(time_left(None)):
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            return list(pipeline.execute(raise_on_error=False))


class PendingCalls:
    """Calls sent on a connection of their own whose answers are not read yet. The caller must read them, even after an error.

    It uses no thread: in one, each write would wait for the GIL while the caller computes.
    """

    def __init__(self, script: Script, redis: StoreRedis, calls: Sequence[Call]) -> None:
        self._script, self._redis, self._calls = script, redis, calls
        self._pool = redis.connection_pool
        self._connection: Any = None
        self._expected = len(calls)
        if calls:
            with store_answers():
                self._connection = self._pool.get_connection()
            commands = [*script.commands(calls), *script.barrier.commands(time_left(None))]
            self._expected = len(commands)
            self._exchange(lambda connection: connection.send_packed_command(connection.pack_commands(commands)))

    def answers(self) -> list[Any]:
        """The answer of each call; raises ``StoreUnavailable``. If the connection failed, all calls are run again."""
        answers = self._exchange(lambda connection: [connection.read_response() for _ in range(self._expected)])
        if answers is None:
            return self._script.run_with_retries(self._calls)
        shortfall = self._script.barrier.shortfall(answers[len(self._calls) :])
        self._release()
        if shortfall:  # not run again: the calls were carried out, and what is missing are the replicas
            drop_connections(self._redis)
            raise StoreUnavailable(shortfall)
        return answers[: len(self._calls)]

    def _exchange(self, exchange: Callable[[Any], list[Any] | None]) -> list[Any] | None:
        """Send or read on the connection; ``None`` if it failed, now or before. Closes a failed one, with its unread answers."""
        if self._connection is None:
            return None
        try:
            return exchange(self._connection)
        except BaseException as error:
            self._connection.disconnect()
            self._release()
            if not isinstance(error, RedisError):
                raise
            if why_unavailable(error) is None:  # a bug: run again, a script that failed half way would see its own writes
                drop_arguments(error)
                raise
        return None  # running the calls again raises the right exception

    def _release(self) -> None:
        self._pool.release(self._connection)
        self._connection = None
