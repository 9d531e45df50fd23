"""Store errors: has a living Valkey answer with an error, as a real one does in the hands of others, and mends that again.

Takes a way to connect as a user whom none of this concerns. Each context lasts as long as the fault; at its end the server is as
it was before. One that is killed meanwhile comes back so by itself. Raises ``RuntimeError`` when the server cannot be mended.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from redis import Redis
from redis.exceptions import RedisError

_AGAIN = 0.1  # seconds
_MENDED_WITHIN = 60.0  # seconds; others may have killed or frozen it
_SOON_BUSY = 100  # ms a script runs before others are told BUSY
_BUSY = 5000  # ms, Valkey's own
_CLIENTS, _MANY_CLIENTS = 4, 10_000
_NOBODY = ("127.0.0.1", 1)  # a primary that does not exist

Connect = Callable[[], Redis]

_STEPS: tuple[Callable[[Redis], object], ...] = (
    lambda redis: redis.script_kill(),
    lambda redis: redis.replicaof("NO", "ONE"),
    lambda redis: redis.execute_command("ACL", "SETUSER", "default", "nopass"),
    lambda redis: redis.config_set("busy-reply-threshold", _BUSY),
    lambda redis: redis.config_set("min-replicas-to-write", 0),
    lambda redis: redis.config_set("replica-serve-stale-data", "yes"),
    lambda redis: redis.config_set("maxclients", _MANY_CLIENTS),
)


@contextlib.contextmanager
def busy(connect: Connect) -> Iterator[None]:
    """Another app's script runs and does not end: BUSY."""
    _configure(connect, {"busy-reply-threshold": _SOON_BUSY})
    threading.Thread(target=_spin, args=(connect,), daemon=True).start()
    try:
        yield
    finally:
        mend(connect)


@contextlib.contextmanager
def without_replicas(connect: Connect) -> Iterator[None]:
    """Its replicas are gone, and it accepts no writes without one: NOREPLICAS."""
    _configure(connect, {"min-replicas-to-write": 1})
    try:
        yield
    finally:
        mend(connect)


@contextlib.contextmanager
def without_primary(connect: Connect) -> Iterator[None]:
    """It is a replica that has lost its primary: UNBLOCKED for those that wait on it, then MASTERDOWN."""
    _configure(connect, {"replica-serve-stale-data": "no"})
    _persist(connect, lambda redis: redis.replicaof(*_NOBODY))
    try:
        yield
    finally:
        mend(connect)


@contextlib.contextmanager
def another_password(connect: Connect, cut: Callable[[], None]) -> Iterator[None]:
    """The password was changed: NOAUTH on every new connection."""
    _persist(connect, lambda redis: redis.execute_command("ACL", "SETUSER", "default", "resetpass", ">another"))
    cut()
    try:
        yield
    finally:
        mend(connect)


@contextlib.contextmanager
def without_room(connect: Connect, cut: Callable[[], None]) -> Iterator[None]:
    """Other clients hold nearly all its connections: max number of clients reached."""
    with connect() as redis:
        _until_done(redis.ping)  # over a connection that is held from now on, so that there is a way in
        _persist(connect, lambda other: other.config_set("maxclients", _CLIENTS))
        cut()
        try:
            yield
        finally:
            with contextlib.suppress(RedisError):  # the server was killed meanwhile; its successor takes as many as before
                redis.config_set("maxclients", _MANY_CLIENTS)
    mend(connect)


def mend(connect: Connect) -> None:
    """Restore its normal answers."""
    _persist(connect, _mended)


def _mended(redis: Redis) -> None:
    """Try every step, because one may depend on another; raises the last error."""
    failed: RedisError | None = None
    for step in _STEPS:
        try:
            step(redis)
        except RedisError as error:
            if not str(error).startswith("NOTBUSY"):
                failed = error
    if failed is not None:
        raise failed


def _spin(connect: Connect) -> None:
    with contextlib.suppress(RedisError), connect() as redis:  # the script is killed, or the server
        redis.eval("while true do end", 0)


def _configure(connect: Connect, settings: Mapping[str, str | int]) -> None:
    for name, value in settings.items():
        _persist(connect, lambda redis, name=name, value=value: redis.config_set(name, value))


def _persist(connect: Connect, do: Callable[[Redis], object]) -> None:
    """Run ``do`` over a new connection, retrying until the server allows it."""

    def once() -> None:
        with connect() as redis:
            do(redis)

    _until_done(once)


def _until_done(do: Callable[[], object]) -> None:
    until = time.monotonic() + _MENDED_WITHIN
    while True:
        try:
            do()
        except RedisError as error:
            if time.monotonic() > until:
                raise RuntimeError(f"Valkey was not mended: {error}") from error
            time.sleep(_AGAIN)
        else:
            return
