"""PrimaryUnknown: nobody who was asked names a primary that could be connected to."""

from redis.exceptions import ConnectionError as RedisConnectionError

NAMED_A_REPLICA = "the server that is named as the primary is a replica"


class PrimaryUnknown(RedisConnectionError):
    """``reason``: why, in words for an operator, without a host. ``denied``: somebody must correct a setting or a server."""

    def __init__(self, reason: str, *, denied: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.denied = denied


def primary_unknown(error: BaseException | None) -> PrimaryUnknown | None:
    """The ``PrimaryUnknown`` behind an exception that redis-py made of it, if there is one."""
    while error is not None and not isinstance(error, PrimaryUnknown):
        error = error.__cause__
    return error
