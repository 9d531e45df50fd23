"""ApiKeys: the keys of the HTTP API, kept as hashes. Raises ``StoreUnavailable``."""

from dataclasses import replace
from typing import Any

from smsrelay.store.clock import StoreClock
from smsrelay.store.connection import StoreRedis, run_durably, store_answers
from smsrelay.store.keys import Keys
from smsrelay_worker.store.api.api_key import ApiKey


class ApiKeys:
    """Every key, revoked ones included; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys
        self._clock = StoreClock(redis)

    def now(self) -> int:
        """The store's clock (ms)."""
        return self._clock.now()

    def add(self, key: ApiKey) -> bool:
        """Store a new key; False if its id is taken."""
        [added] = run_durably(self._redis, ("HSETNX", self._keys.api_keys, key.key_id, key.encode()))
        return bool(added)

    def all(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        with store_answers():
            found: Any = self._redis.hgetall(self._keys.api_keys)
        return sorted((ApiKey.decode(one, wire) for one, wire in found.items()), key=lambda key: (key.created_at, key.key_id))

    def revoke(self, key_id: str) -> ApiKey | None:
        """End a key; returns it, or None if there is none with this id. Only the first revocation counts."""
        [wire] = run_durably(self._redis, ("HGET", self._keys.api_keys, key_id))  # it may have been revoked before
        if wire is None:
            return None
        key = ApiKey.decode(key_id, wire)
        if key.revoked_at is None:
            key = replace(key, revoked_at=self.now())
            # nothing else ever changes a key
            run_durably(self._redis, ("HSET", self._keys.api_keys, key_id, key.encode()))
        return key


def read_command(keys: Keys, key_id: str) -> tuple[str, ...]:
    """The command that reads one key, for an event loop; ``read_answer`` reads its answer."""
    return ("HGET", keys.api_keys, key_id)


def read_answer(key_id: str, answer: Any) -> ApiKey | None:
    """The key, or None if there is none with this id."""
    return None if answer is None else ApiKey.decode(key_id, str(answer))
