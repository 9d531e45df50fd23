"""Script: one Lua file beside its module, run for one call or for many in a single round trip.

A server that forgot the script (restarted, flushed) is given it again; that is safe because each of our scripts does nothing the
second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError

from producers.connection import store_answers


@dataclass(frozen=True, slots=True)
class Call:
    """Keys and arguments of one run. Its repr shows no argument: one may be a recipient."""

    keys: Sequence[str]
    args: Sequence[str | int | float] = field(repr=False)


class Script:
    """A Lua script of package ``package``; raises ``StoreUnavailable`` when the store does not answer."""

    def __init__(self, redis: Redis, package: str, name: str) -> None:
        self._redis = redis
        self._script = redis.register_script(files(package).joinpath(name).read_text(encoding="utf-8"))

    def run(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any:
        """Run once, in one round trip."""
        with store_answers():
            return self._script(keys=list(keys), args=list(args))

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        """Run once for each call, all in one round trip; every call stands for itself."""
        if not calls:
            return []
        with store_answers():
            answers = self._pipelined(calls)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                self._redis.script_load(self._script.script)
                answers = self._pipelined(calls)
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        return answers

    def _pipelined(self, calls: Sequence[Call]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.evalsha(self._script.sha, len(call.keys), *call.keys, *(str(arg) for arg in call.args))
            return list(pipeline.execute(raise_on_error=False))
