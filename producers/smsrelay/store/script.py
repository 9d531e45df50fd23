"""Script: one Lua file beside its module, run for one call or for many in a single round trip.

A server that forgot the script (restarted, flushed) is given it again; that is safe because each of our scripts does nothing the
second time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError, RedisError

from smsrelay.resources import text_beside
from smsrelay.servers.redis_errors import drop_arguments, moved_on, why_unavailable
from smsrelay.store.connection import store_answers


@dataclass(frozen=True, slots=True)
class Call:
    """Keys and arguments of one run. Its repr shows no argument: one may be a recipient."""

    keys: Sequence[str]
    args: Sequence[str | int | float] = field(repr=False)


class Script:
    """The Lua script ``name`` in the folder of ``module``; raises ``StoreUnavailable`` when the store does not answer."""

    def __init__(self, redis: Redis, module: str, name: str) -> None:
        self._redis = redis
        self._script = redis.register_script(text_beside(module, name))

    @property
    def source(self) -> str:
        """What the server is given to know it."""
        return str(self._script.script)

    def run(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run once, in one round trip."""
        return self.begin([Call(keys, args)]).answers()[0]  # past the client, whose way costs more than the script's run

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run once for each call, all in one round trip; every call stands for itself."""
        if not calls:
            return []
        if len(calls) == 1:  # a pipeline costs a client object of its own
            return [self.run(calls[0].keys, calls[0].args)]
        return self.run_again(calls)

    def run_again(self, calls: Sequence[Call]) -> list[Any]:
        """As ``run_many``, through the client, which tries again and loads a script that the server does not know."""
        with store_answers():
            answers = self._pipelined(calls)
            if any(isinstance(answer, Exception) and moved_on(answer) for answer in answers):
                self._drop_connection()
                answers = self._pipelined(calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                self._redis.script_load(self._script.script)
                answers = self._pipelined(calls)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        return answers

    def begin(self, calls: Sequence[Call]) -> "PendingCalls":
        """Send calls and do not wait: the store works on them while the caller does something else."""
        return PendingCalls(self, self._redis, calls)

    def commands(self, calls: Sequence[Call]) -> list[tuple[Any, ...]]:
        """The calls as commands for a connection."""
        return [("EVALSHA", self._script.sha, len(call.keys), *call.keys, *call.args) for call in calls]

    def _drop_connection(self) -> None:
        """Close the connection used last, which the pool would give out next: its server is no primary any more."""
        pool: Any = self._redis.connection_pool
        connection = pool.get_connection()
        connection.disconnect()
        pool.release(connection)

    def _pipelined(self, calls: Sequence[Call]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.evalsha(self._script.sha, len(call.keys), *call.keys, *(str(arg) for arg in call.args))
            return list(pipeline.execute(raise_on_error=False))


class PendingCalls:
    """Calls that were sent on a connection of their own, and whose answers were not read yet. Read them, whatever happens.

    No thread stands behind it: in one, each piece that is sent would wait for the interpreter while the caller computes.
    """

    def __init__(self, script: Script, redis: Redis, calls: Sequence[Call]) -> None:
        self._script, self._calls = script, calls
        self._pool = redis.connection_pool
        self._connection: Any = None
        if calls:
            with store_answers():
                self._connection = self._pool.get_connection()
            self._talk(lambda connection: connection.send_packed_command(connection.pack_commands(script.commands(calls))))

    def answers(self) -> list[Any]:
        """What each call answered; raises ``StoreUnavailable``. Calls that failed on the way are run again, which is harmless."""
        answers = self._talk(lambda connection: [connection.read_response() for _ in self._calls])
        if answers is None:
            return self._script.run_again(self._calls)
        self._let_go()
        return answers

    def _talk(self, talk: Callable[[Any], list[Any] | None]) -> list[Any] | None:
        """Talk to the store while there is a connection; one that failed is closed, with all that was still to come on it."""
        if self._connection is None:
            return None
        try:
            return talk(self._connection)
        except BaseException as error:
            self._connection.disconnect()
            self._let_go()
            if not isinstance(error, RedisError):
                raise
            if why_unavailable(error) is None:  # run again, a script that failed half way would find its own first half
                drop_arguments(error)
                raise
        return None  # what is wrong comes to light when the calls are run again

    def _let_go(self) -> None:
        self._pool.release(self._connection)
        self._connection = None
