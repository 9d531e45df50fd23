"""What a Redis error means: the server is unavailable, or our request is wrong.

Takes an exception of redis-py. Returns why the server is unavailable, in words for an operator, or ``None`` when the request
itself is wrong and would be refused however often it is sent.

The rule: an error that is not certainly our own fault means that the server is unavailable. Certainly ours are the prefixes in
``OUR_FAULT`` and the messages that ``_OUR_WORDS`` matches. Anything else ends by itself or needs an operator, and we must keep
our work until then; the same goes for a prefix that did not exist when this was written. ``AWAY`` explains the known ones. A test
reads the prefixes from the server binaries and fails on one that is in neither list.

A reason never quotes the server, because its message may repeat an argument of the command.
"""

import re

from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    DataError,
    ExecAbortError,
    InvalidResponse,
    MasterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from smsrelay.servers.failover.primary_unknown import primary_unknown

_CLUSTER = "it is a node of a cluster: name the store by cluster://, and no cluster as the broker"
_SENTINEL = "it is a sentinel or in the middle of a failover"
_KILLED_SCRIPT = "somebody killed our script"
_TOO_OLD = "it does not know a command we use: too old, or the command is renamed"
_NO_PERMISSION = "its user lacks a permission (docs/operating.md lists what is needed)"
_LOGIN = "the user or password is wrong or missing"
_FULL = "its limit of clients is reached (maxclients)"

AWAY = {
    "BUSY": "a script or a module's command has been running too long",
    "LOADING": "it is loading its data after a start",
    "MASTERDOWN": "it is a replica that has lost its primary",
    "READONLY": "it is a replica and takes no writes",
    "NOREPLICAS": "too few replicas follow it (min-replicas-to-write)",
    "MISCONF": "it takes no writes: it cannot persist them",
    "OOM": "its memory is full (maxmemory)",
    "NOAUTH": _LOGIN,
    "WRONGPASS": _LOGIN,
    "NOPERM": _NO_PERMISSION,
    "DENIED": "its protected mode lets no other host in",
    "NOPROTO": "it does not speak our version of the protocol",
    "UNBLOCKED": "it became a replica, or somebody unblocked us",
    "UNKILLABLE": "a script that has written cannot be killed",
    "NOTBUSY": "the script to be killed had ended",
    "EXECABORT": "it discarded a transaction",
    "NOSCRIPT": "it forgets scripts right after they are loaded",
    "REDIRECT": "another server took over (REDIRECT)",
    "NOMASTERLINK": "it is a replica that has lost its primary",
    "CLUSTERDOWN": "its cluster is down",
    "TRYAGAIN": "its cluster moves keys",
    "MOVED": _CLUSTER,
    "ASK": "its cluster moves our keys to another node",
    "CROSSSLOT": _CLUSTER,
    "INPROG": _SENTINEL,
    "NOGOODSLAVE": _SENTINEL,
    "NOGOODPRIMARY": _SENTINEL,
    "NOQUORUM": _SENTINEL,
    "IOERR": "it could not reach another server",
}
"""Error prefixes that do not mean the request is wrong."""

_ANOTHER_SERVER = frozenset(
    {"READONLY", "MASTERDOWN", "NOMASTERLINK", "UNBLOCKED", "REDIRECT", "MOVED", "ASK", "CLUSTERDOWN", "TRYAGAIN"}
)

OUR_FAULT = frozenset(
    {
        "WRONGTYPE",  # one of our keys has the wrong type
        "BUSYGROUP",  # XGROUP, RESTORE, PFADD: commands that we never send
        "NOGROUP",
        "BUSYKEY",
        "INVALIDOBJ",
    }
)
"""Error prefixes that mean the request is wrong."""

# ERR has no finer prefix, so its message decides. First those that do not mean the request is wrong …
_AWAY_WORDS = (
    (re.compile(r"max number of clients"), _FULL),
    (re.compile(r"unknown (\w+ )?(sub)?command", re.IGNORECASE), _TOO_OLD),
    (re.compile(r"Write commands are not allowed after non deterministic"), _TOO_OLD),
    (re.compile(r"ACL failure|The user executing the script"), _NO_PERMISSION),
    (re.compile(r"operation not permitted"), _LOGIN),
    (re.compile(r"Script killed"), _KILLED_SCRIPT),
    (re.compile(r"(DB|invalid DB) index"), "it has no database of that number"),
    (re.compile(r"(AUTH .*|Client sent AUTH, but )(called without any|no) password", re.IGNORECASE), "it asks for no password"),
)
# … then those that are a bug of ours.
_OUR_WORDS = re.compile(
    r"""
    user_script:\d | Script\ attempted | Error\ (compiling|running)\ script | This\ .*command\ is\ not\ allowed\ from
    | wrong\ number\ of\ arg | syntax\ error | no\ such\ key | .*\bout\ of\ range
    | (value|hash\ value|min\ or\ max|timeout|weight|count|limit|numkeys)\b.*\ (is\ not|must|should|can't|is\ negative)
    | Number\ of\ keys\ can't | invalid\ (expire|cursor|stream) | increment\ or\ decrement | resulting\ score
    | string\ exceeds | (EXEC|DISCARD|UNWATCH)\ without\ MULTI | MULTI\ calls | WATCH\ inside
    """,
    re.VERBOSE | re.IGNORECASE,
)

# redis-py strips these prefixes, and does not keep them before version 8. A subclass comes before its base class.
_PREFIXES: tuple[tuple[type[RedisError], str], ...] = (
    (MasterDownError, "MASTERDOWN"),
    (ClusterDownError, "CLUSTERDOWN"),
    (MovedError, "MOVED"),
    (AskError, "ASK"),
    (TryAgainError, "TRYAGAIN"),
    (ClusterCrossSlotError, "CROSSSLOT"),
    (OutOfMemoryError, "OOM"),
    (ReadOnlyError, "READONLY"),
    (BusyLoadingError, "LOADING"),
    (NoPermissionError, "NOPERM"),
    (AuthorizationError, "NOPERM"),
    (AuthenticationError, "NOAUTH"),
    (ExecAbortError, "EXECABORT"),
    (NoScriptError, "NOSCRIPT"),
)
_ANNOTATED = " of pipeline caused error: "  # redis-py puts this, and arguments of the command, before the server's message
# A failed script, before Redis 7: "Error running script (call to f_…): @user_script:1: @user_script: 1: -OOM command …"
_WRAPPED = re.compile(r"Error running script \(call to \w+\): @user_script: ?\d+: (@user_script: ?\d+: )?-?")
_PREFIX = re.compile(r"-?(?!(?:ACL|AUTH|DB|DISCARD|EXEC|MULTI|WATCH) )([A-Z]{2,})(?: |$)")  # these begin messages after ERR


def why_unavailable(error: BaseException) -> str | None:
    """Why the server is unavailable; ``None`` when the request is wrong."""
    if isinstance(error, DataError):
        return None
    if unknown := primary_unknown(error):
        return unknown.reason
    if isinstance(error, ResponseError) or _is_error_reply(error):
        return _why_refused(error)
    if isinstance(error, InvalidResponse):
        return "the server there is not a Redis"
    return _why_lost(error) if isinstance(error, RedisError | OSError) else None


def needs_new_connection(error: BaseException) -> bool:
    """Whether another server may have taken over: only a new connection reaches it."""
    return isinstance(error, RedisError) and _parsed(error)[0] in _ANOTHER_SERVER


def drop_arguments(error: BaseException) -> None:
    """Drop what redis-py puts before the server's message: the command and its arguments, which may be a phone number."""
    if isinstance(error, ResponseError):
        error.args = (_server_message(error), *error.args[1:])


def _is_error_reply(error: BaseException) -> bool:
    """Whether an exception that redis-py calls a lost connection was in fact an error reply of the server."""
    return isinstance(error, RedisError) and any(isinstance(error, kind) for kind, _ in _PREFIXES)


def _why_refused(error: BaseException) -> str | None:
    code, words = _parsed(error)
    if code in OUR_FAULT:
        return None
    if code != "ERR":
        return f"{code}: {AWAY.get(code, 'an error that we do not know')}"
    return _meaning(words) or (None if _OUR_WORDS.match(words) else "ERR: its log may say why")


def _parsed(error: BaseException) -> tuple[str, str]:
    """Prefix and message of an error reply."""
    message = _server_message(error)
    words = _WRAPPED.sub("", message, count=1)
    if words == message:
        stripped = getattr(error, "status_code", None)
        if stripped in {None, "ERR"}:
            stripped = next((code for kind, code in _PREFIXES if isinstance(error, kind)), stripped)
        if stripped is not None:
            return stripped, words
    found = _PREFIX.match(words)
    return (found[1], words[found.end() :]) if found else ("ERR", words)


def _why_lost(error: RedisError | OSError) -> str:
    """What happened to the connection: only the exception's type, because the system's message may name a host."""
    return _meaning(_server_message(error)) or type(error).__name__


def _meaning(words: str) -> str | None:
    return next((meaning for known, meaning in _AWAY_WORDS if known.match(words)), None)


def _server_message(error: BaseException) -> str:
    """The server's message, without what redis-py puts before it."""
    return str(error).rpartition(_ANNOTATED)[2]
