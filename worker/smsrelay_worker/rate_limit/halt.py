"""HaltSwitch: stops every submit of every worker when the vendor rejects the account, and lets them resume.

A halt lasts until an operator resumes, or until a probe (one submit every ``halt_probe`` seconds) is accepted. An operator's own
halt is never probed. ``circuit`` is the other thing that stops submits: there the vendor fails instead of rejecting. Raises
``StoreUnavailable``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from smsrelay.store.connection import StoreRedis, run_durably, store_answers

OPERATOR = "operator"  # in place of a code
_NEVER = "0"  # ms between probes


@dataclass(frozen=True, slots=True)
class Halt:
    """Since when nothing is submitted (ms), the code that the vendor rejected with, and when a probe is due (ms), if ever."""

    since: int
    code: str
    probe: int | None = None

    @property
    def by_operator(self) -> bool:
        """Whether an operator halted everything, and the vendor did not."""
        return self.code == OPERATOR

    @classmethod
    def parse(cls, fields: Mapping[str, Any], halt_probe: float) -> Self | None:
        """The halt that the store's hash holds; None for an empty one. ``halt_probe`` in seconds, 0 for no probes."""
        if not fields:
            return None
        since = int(fields.get("since", 0))
        probe = int(fields.get("probe", since + int(halt_probe * 1000)))
        probed = halt_probe > 0 and fields.get("wait") != _NEVER
        return cls(since, str(fields.get("code", "")), probe if probed else None)


class HaltSwitch:
    """Safe to share between threads. ``halt_probe`` in seconds, 0 for no probes."""

    def __init__(self, redis: StoreRedis, halt_probe: float) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._halt_probe = halt_probe

    def halt(self, code: str, begun_at: int | None = None) -> bool:
        """Stop every submit; False if that was so already, and then the first code is kept.

        ``begun_at``: when the attempt began (ms, store's clock) whose answer is the reason. An attempt from before the last
        resume, or the last accepted probe, stops nothing.
        """
        with store_answers():
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.time()
                pipeline.get(self._keys.resumed)
                (seconds, micros), resumed = pipeline.execute()
            now = int(seconds) * 1000 + int(micros) // 1000
            if begun_at is not None and begun_at <= int(resumed or 0) <= now:  # if it lies ahead of now, the clock was set back
                return False
            with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hsetnx(self._keys.halted, "code", code)
                pipeline.hsetnx(self._keys.halted, "since", str(int(seconds) * 1000))
                return bool(pipeline.execute()[0])

    def halt_by_operator(self) -> bool:
        """Stop every submit until an operator resumes; False if one had stopped them before. Takes over a halt by the vendor."""
        with store_answers():
            seconds, _ = self._redis.time()
        code, *_ = run_durably(
            self._redis,
            ("HGET", self._keys.halted, "code"),
            ("HSETNX", self._keys.halted, "since", int(seconds) * 1000),
            ("HSET", self._keys.halted, "code", OPERATOR, "wait", _NEVER),
            ("HDEL", self._keys.halted, "probe", "slot"),
            transaction=True,
        )
        return bool(code != OPERATOR)

    def resume(self) -> bool:
        """End a halt, and close an open circuit; False if there was neither."""
        shut = (self._keys.halted, self._keys.circuit)
        with store_answers():
            was_shut = self._redis.exists(*shut)  # asked first: a delete that is repeated after a lost reply finds nothing
            seconds, micros = self._redis.time()
        now = int(seconds) * 1000 + int(micros) // 1000
        deleted, _ = run_durably(self._redis, ("DEL", *shut), ("SET", self._keys.resumed, now), transaction=True)
        return bool(deleted or was_shut)

    def current(self) -> Halt | None:
        """The halt in force, if any."""
        with store_answers():
            fields: Any = self._redis.hgetall(self._keys.halted)
        return Halt.parse(fields, self._halt_probe)
