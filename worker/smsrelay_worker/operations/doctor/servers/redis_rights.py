"""Checks which ACL rules (commands, keys, channels) a Redis user lacks for what our processes do.

Takes a client, returns the missing rules, as ACL SETUSER takes them. Executes nothing: each command is only queued in a
transaction, where the server already refuses what the user may not do, and the transaction is discarded. Raises what the client
raises, also when the server accepts no writes right now.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from redis import Redis
from redis.exceptions import InvalidResponse, NoPermissionError, ResponseError

from smsrelay.broker.queues import QUEUES
from smsrelay.contract.lanes import Lane
from smsrelay.store.keys import Keys

Command = tuple[str, ...]

_AT_BROKER = ("sms.*", "unacked*", "_kombu.*", "*.celery.pidbox*")  # key patterns, as in docs/operating.md
_ANY = "doctor"
_COMMAND = re.compile(r"'([^']+)' command")

# What our scripts and clients do with our keys: each command once, on one key.
_RECORDS = """
DEL k|EXISTS k|GET k|SET k v|INCR k|INCRBY k 1|PERSIST k|PEXPIRE k 1|PEXPIREAT k 1|PTTL k|UNLINK k
HDEL k f|HEXISTS k f|HGET k f|HGETALL k|HINCRBY k f 1|HKEYS k|HLEN k|HMGET k f|HSCAN k 0|HSET k f v|HSETNX k f v
LINDEX k 0|LLEN k|LPOP k|LPUSH k v|LRANGE k 0 0|LREM k 0 v|LTRIM k 0 0|RPOP k|RPUSH k v
SADD k m|SCARD k|SRANDMEMBER k|SREM k m|SSCAN k 0|XADD k * f v|XREVRANGE k + -
ZADD k 1 m|ZCARD k|ZCOUNT k 0 1|ZMSCORE k m|ZRANGE k 0 0|ZRANGEBYSCORE k 0 1|ZREM k m|ZREMRANGEBYSCORE k 0 1|ZSCORE k m
ZREVRANGE k 0 0
"""
_WITHOUT_KEY: tuple[Command, ...] = (
    ("TIME",),
    ("PING",),
    ("SCAN", "0"),
    ("SCRIPT", "LOAD", "return"),
    ("SCRIPT", "EXISTS", "0" * 40),
    ("EVALSHA", "0" * 40, "0"),
)
_PIDBOX, _REPLIES = "celery.pidbox", "reply.celery.pidbox"  # Celery's remote control: requests and replies
_BINDINGS = (*QUEUES, "celeryev", _PIDBOX, _REPLIES)


def store_commands(keys: Keys, replicas: int = 0) -> tuple[Command, ...]:
    """What workers, receivers and commands do at the store; ``replicas``: how many of them must have a write."""
    waits = (("WAIT", "0", "1"),) if replicas else ()
    return (*_WITHOUT_KEY, *waits, *_on(f"{keys.prefix}:doctor"), *_touched(_all_keys(keys)))


def _all_keys(keys: Keys) -> Iterator[str]:
    yield from keys.fixed
    yield from keys.numbers(_ANY)
    yield from (key(_ANY) for key in (keys.message, keys.payload, keys.external, keys.parked, keys.outcomes, keys.sink_test))
    yield from (key(_ANY) for key in (keys.quota, keys.caps, keys.held, keys.fuse, keys.campaign, keys.campaign_ids))
    yield keys.opening(0)
    yield from (key(lane) for lane in Lane for key in (keys.outbox, keys.taken, keys.marks))


def publish_commands(*queues: str) -> tuple[Command, ...]:
    """What it takes to publish to queues."""
    return tuple(command for queue in queues for command in (("LPUSH", queue, "v"), ("LLEN", queue), ("SREM", queue, "m")))


def broker_commands(database: int, *, events: bool = True) -> tuple[Command, ...]:
    """What a worker does at the broker; ``events``: it sends task events, for Flower."""
    sent_events = [("PUBLISH", f"/{database}.celeryev/worker.heartbeat", "v")] if events else []
    subscriptions = [(command, f"/{database}.{_PIDBOX}") for command in ("PSUBSCRIBE", "PUNSUBSCRIBE")]
    return (
        *_WITHOUT_KEY,
        *publish_commands(*QUEUES),
        *(("BRPOP", *_by_priority(queue), "1") for queue in QUEUES),
        *_on(f"{_ANY}.{_REPLIES}"),
        *_touched((f"{_ANY}@host.{_PIDBOX}", "unacked", "unacked_index", "unacked_mutex", "_kombu.binding_deadlines")),
        *(("SMEMBERS", f"_kombu.{kind}.{name}") for kind in ("binding", "binding_permanent") for name in _BINDINGS),
        *subscriptions,
        ("PUBLISH", f"/{database}.{_PIDBOX}", "v"),
        *sent_events,
    )


def missing_rules(redis: Redis, prefix: str, commands: Iterable[Command]) -> list[str]:
    """Rules that the user lacks for the commands, like ``+evalsha``, ``~unacked*``, ``&/0.celery.pidbox``; sorted, each once.

    ``prefix``: that of the store.
    """
    connection: Any = redis.connection_pool.get_connection()
    try:
        connection.send_command("MULTI")
        if rules := list(_refusals(connection, ("MULTI",), "OK")):
            return rules
        connection.send_command("PING")
        list(_refusals(connection, ("PING",), "QUEUED"))  # raises if it is executed instead of queued
        unique = list(dict.fromkeys(commands))
        connection.send_packed_command(connection.pack_commands(unique))
        return sorted(
            {rule for command in unique for rule in _refusals(connection, command, "QUEUED", (f"{prefix}:*", *_AT_BROKER))}
        )
    finally:
        connection.disconnect()  # which discards the transaction
        redis.connection_pool.release(connection)


def _refusals(connection: Any, command: Command, answer: str, known: Sequence[str] = ()) -> Iterator[str]:
    """The missing rules because of which a command was refused; ``known``: key patterns."""
    try:
        reply = connection.read_response()
    except NoPermissionError as error:
        yield from _rules(command, str(error), known)
    except ResponseError as error:
        if not str(error).startswith("unknown command"):
            raise
        yield f"{command[0]} (unknown to this server)"
    else:
        if reply not in {answer, answer.encode()}:
            raise InvalidResponse(f"an answer to {command[0]} that no Redis gives")


def _rules(command: Command, refusal: str, known: Sequence[str]) -> Iterator[str]:
    if named := _COMMAND.search(refusal):
        yield f"+{named[1].lower()}"
    elif "channel" in refusal:
        yield f"&{command[1]}" if _PIDBOX in command[1] else f"&{command[1].rpartition('/')[0]}/*"
    else:
        patterns = [next((pattern for pattern in known if fnmatchcase(word, pattern)), None) for word in command[1:]]
        yield from (f"~{pattern}" for pattern in patterns if pattern)


def _on(key: str) -> Iterator[Command]:
    for command in _RECORDS.replace("\n", "|").strip("|").split("|"):
        yield tuple(key if word == "k" else word for word in command.split())


def _touched(names: Iterable[str]) -> Iterator[Command]:
    """A read and a write of each key; the write removes a member that does not exist."""
    for name in names:
        yield from (("EXISTS", name), ("SREM", name, "smsrelay-doctor"))


def _by_priority(queue: str) -> Sequence[str]:
    """The lists that make up one queue of kombu's, one per priority."""
    return (queue, *(f"{queue}\x06\x16{priority}" for priority in (3, 6, 9)))
