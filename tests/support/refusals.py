"""A real Redis that refuses: the error replies with which a server declines to do what it is asked.

Takes the server's URL; each context makes it refuse in one way, and it accepts everything again when the context ends. Errors
that such a server does not produce by itself cannot be had here: LOADING, a cluster's replies.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from smsrelay.store.connection import StoreRedis
from tests.support.waiting import eventually

_ANOTHER_DATABASE = 5


@contextlib.contextmanager
def busy(url: str) -> Iterator[None]:
    """BUSY: another app's script, in another database, does not end."""
    with _admin(url) as admin, _admin(url) as app, _configured(admin, {"lua-time-limit": 20}):
        app.execute_command("SELECT", _ANOTHER_DATABASE)
        script = threading.Thread(target=_endless, args=(app,))
        script.start()
        eventually(lambda: _refused(url, "PING"), "the server is busy")
        try:
            yield
        finally:
            admin.script_kill()
            script.join()


@contextlib.contextmanager
def too_few_replicas(url: str) -> Iterator[None]:
    """NOREPLICAS."""
    with _admin(url) as admin, _configured(admin, {"min-replicas-to-write": 1}):
        yield


@contextlib.contextmanager
def full(url: str) -> Iterator[None]:
    """OOM."""
    with _admin(url) as admin, _configured(admin, {"maxmemory": 1}):
        yield


@contextlib.contextmanager
def replica(url: str) -> Iterator[None]:
    """READONLY: a replica of a server that is away."""
    with _admin(url) as admin, _replicating(admin):
        yield


@contextlib.contextmanager
def lost_primary(url: str) -> Iterator[None]:
    """MASTERDOWN: the same, that does not even answer with old values."""
    with _admin(url) as admin, _configured(admin, {"replica-serve-stale-data": "no"}), _replicating(admin):
        yield


@contextlib.contextmanager
def new_password(url: str) -> Iterator[None]:
    """NOAUTH: the password is another one, and nobody has told us."""
    with _admin(url) as admin, _configured(admin, {"requirepass": "changed"}):
        _hang_up(admin)
        yield


@contextlib.contextmanager
def without_scripts(url: str) -> Iterator[None]:
    """NOPERM: the user may run no script, and write nothing."""
    with _admin(url) as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-@scripting", "-@write")
        try:
            yield
        finally:
            admin.execute_command("ACL", "SETUSER", "default", "+@all")


@contextlib.contextmanager
def no_room_for_clients(url: str) -> Iterator[None]:
    """Max number of clients reached."""
    with _admin(url) as admin, _configured(admin, {"maxclients": 1}):
        _hang_up(admin)
        yield


REFUSALS: Mapping[str, Callable[[str], AbstractContextManager[None]]] = {
    "BUSY": busy,
    "NOREPLICAS": too_few_replicas,
    "OOM": full,
    "READONLY": replica,
    "MASTERDOWN": lost_primary,
    "NOAUTH": new_password,
    "NOPERM": without_scripts,
    "maxclients": no_room_for_clients,
}
"""By a word that a person is told."""


def _endless(app: "StoreRedis") -> None:
    with contextlib.suppress(ResponseError):  # killed
        app.eval("while true do end", 0)


def _refused(url: str, command: str) -> bool:
    with Redis.from_url(url) as client:
        try:
            client.execute_command(command)
        except ResponseError:
            return True
        return False


@contextlib.contextmanager
def _admin(url: str) -> Iterator["StoreRedis"]:
    """A client of one connection, opened while it still may be."""
    with Redis.from_url(url, single_connection_client=True, decode_responses=True, socket_timeout=None) as admin:
        admin.ping()
        yield admin


@contextlib.contextmanager
def _configured(admin: "StoreRedis", changes: Mapping[str, str | int]) -> Iterator[None]:
    before = {name: admin.config_get(name) for name in changes}
    for name, value in changes.items():
        admin.config_set(name, value)
    try:
        yield
    finally:
        for name, said in before.items():
            admin.config_set(name, next(iter(said.values())))


@contextlib.contextmanager
def _replicating(admin: "StoreRedis") -> Iterator[None]:
    admin.replicaof("127.0.0.1", "1")
    try:
        yield
    finally:
        admin.replicaof("NO", "ONE")


def _hang_up(admin: "StoreRedis") -> None:
    """Close everybody else's connection, so that they have to come in anew."""
    with contextlib.suppress(RedisConnectionError):
        admin.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
