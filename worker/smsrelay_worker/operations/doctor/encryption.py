"""Checks the encryption of numbers and parameters in the store: whether it is on, and whether somebody has the keys it needs.

Takes keys by their names, and the store; returns findings. Reads of the payloads the names of their keys alone.
"""

from collections import Counter
from collections.abc import Collection

from redis.exceptions import ResponseError

from smsrelay.contract.payload_cipher import sealed_by
from smsrelay.store.connection import StoreRedis, store_answers
from smsrelay_worker.operations.doctor.finding import Finding, error, note, warning
from smsrelay_worker.operations.doctor.kind import Kind

_LOOKED_AT = 1000  # messages, of those that are due next


def encryption_is_off(names: Collection[str], real: bool) -> list[Finding]:
    """Says so, where the vendor is the real one; ``names``: of the payload keys."""
    return [] if names or not real else [note("encryption", Kind.ENCRYPTION_OFF)]


def examine_payloads(redis: StoreRedis, known: Collection[str]) -> list[Finding]:
    """Messages that are due next, and whose payload none of the known keys opens."""
    try:
        with store_answers():
            ids = redis.zrange(redis.store_keys.agenda, 0, _LOOKED_AT - 1)
            wires = redis.mget([redis.store_keys.payload(str(one)) for one in ids]) if ids else []
    except ResponseError:
        return [warning("encryption", Kind.PAYLOADS_UNCHECKED)]
    found = Counter(sealed_by(str(wire)) for wire in wires if wire is not None)
    return unopened({name: count for name, count in found.items() if name is not None and name not in known}, len(ids))


def unopened(by_key: dict[str, int], looked_at: int) -> list[Finding]:
    """Messages by the name of the key that nobody has."""
    if not by_key:
        return []
    names = ", ".join(sorted(by_key))
    count = sum(by_key.values())
    return [error("encryption", Kind.PAYLOAD_KEY_MISSING, count=count, looked_at=looked_at, names=names)]
