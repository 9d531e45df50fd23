"""ApiKeys: the keys of the HTTP API, kept as hashes. Raises ``StoreUnavailable``."""

from dataclasses import replace
from typing import Any

from redis import Redis

from smsrelay.store import keys
from smsrelay.store.clock import StoreClock
from smsrelay.store.connection import store_answers
from smsrelay_worker.store.api.api_key import ApiKey


class ApiKeys:
    """Every key, revoked ones included; safe to share between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._clock = StoreClock(redis)

    def now(self) -> int:
        """The store's clock (ms)."""
        return self._clock.now()

    def add(self, key: ApiKey) -> bool:
        """Store a new key; False if its id is taken."""
        with store_answers():
            return bool(self._redis.hsetnx(keys.API_KEYS, key.key_id, key.encode()))

    def all(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        with store_answers():
            found: Any = self._redis.hgetall(keys.API_KEYS)
        return sorted((ApiKey.decode(one, wire) for one, wire in found.items()), key=lambda key: (key.created_at, key.key_id))

    def revoke(self, key_id: str) -> ApiKey | None:
        """End a key; returns it, or None if there is none with this id. Only the first revocation counts."""
        with store_answers():
            wire: Any = self._redis.hget(keys.API_KEYS, key_id)
        if wire is None:
            return None
        key = ApiKey.decode(key_id, wire)
        if key.revoked_at is None:
            key = replace(key, revoked_at=self.now())
            with store_answers():
                self._redis.hset(keys.API_KEYS, key_id, key.encode())  # nothing else ever changes a key
        return key


def read_command(key_id: str) -> tuple[str, ...]:
    """The command that reads one key, for an event loop; ``read_answer`` reads its answer."""
    return ("HGET", keys.API_KEYS, key_id)


def read_answer(key_id: str, answer: Any) -> ApiKey | None:
    """The key, or None if there is none with this id."""
    return None if answer is None else ApiKey.decode(key_id, str(answer))
