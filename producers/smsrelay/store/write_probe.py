"""Write probe: whether the store takes writes, asked with a write that changes nothing.

A server that is full, has become a replica, or could not write its log answers questions and refuses whatever is a write.
"""

from smsrelay.store.connection import StoreRedis, StoreUnavailable, run_durably, store_answers
from smsrelay.store.keys import Keys

_ANSWERED = "the store did not answer ("


def write_nothing(keys: Keys) -> tuple[str, ...]:
    """A command that counts as a write and changes nothing, because the agenda has no such member."""
    return ("ZADD", keys.agenda, "XX", "0", "probe")


def why_unwritable(redis: StoreRedis) -> str | None:
    """Why the store refuses writes, or why too few replicas have them; None if a message could be accepted now.

    Raises ``StoreUnavailable`` if the store answers nothing at all.
    """
    with store_answers():
        redis.time()  # not PING, which a server that could not write its snapshot refuses
    try:
        run_durably(redis, write_nothing(redis.store_keys))
    except StoreUnavailable as error:
        return str(error).removeprefix(_ANSWERED).removesuffix(")")
    return None
