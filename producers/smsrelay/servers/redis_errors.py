"""What Redis may answer in place of doing what it was asked, and what each answer means.

Enters: an exception of redis-py. Leaves: why the server does not serve us now, in words for a person; or None when the request
itself is wrong, and would be refused again however often it is sent.

The rule: an answer that is not surely our own fault says that the server is away. Surely ours are the prefixes in ``OUR_FAULT``
and the errors in ``_OUR_WORDS``. Everything else passes by itself or waits for an operator, and what we hold must survive until
then; so does a prefix that no server had when this was written. ``AWAY`` has the words for those that are known. A test reads the
prefixes from the servers' own binaries and fails on one that stands in neither list.

A reason never quotes the server, whose words may repeat an argument of the command.
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

_CLUSTER = "it is a node of a cluster, which is not supported"
_SENTINEL = "it is a sentinel or in the middle of a failover"
_FAILED_SCRIPT = "somebody killed our script"
_TOO_OLD = "it does not know a command we use: too old, or the command is renamed"
_NO_PERMISSION = "its user lacks a permission (docs/operating.md lists what is needed)"
_WHO = "the user or password is wrong or missing"
_FULL = "its limit of clients is reached (maxclients)"

AWAY = {
    "BUSY": "a script or a module's command has been running too long",
    "LOADING": "it is loading its data after a start",
    "MASTERDOWN": "it is a replica that has lost its primary",
    "READONLY": "it is a replica and takes no writes",
    "NOREPLICAS": "too few replicas follow it (min-replicas-to-write)",
    "MISCONF": "it takes no writes: it cannot persist them",
    "OOM": "its memory is full (maxmemory)",
    "NOAUTH": _WHO,
    "WRONGPASS": _WHO,
    "NOPERM": _NO_PERMISSION,
    "DENIED": "its protected mode lets no other host in",
    "NOPROTO": "it does not speak our version of the protocol",
    "UNBLOCKED": "it became a replica, or somebody unblocked us",
    "UNKILLABLE": "a script that has written cannot be killed",
    "NOTBUSY": "the script to be killed had ended",
    "EXECABORT": "it discarded a transaction",
    "NOSCRIPT": "it forgets scripts as soon as it is given them",
    "REDIRECT": "another server took over (REDIRECT)",
    "NOMASTERLINK": "it is a replica that has lost its primary",
    "CLUSTERDOWN": "its cluster is down",
    "TRYAGAIN": "its cluster moves keys",
    "MOVED": _CLUSTER,
    "ASK": _CLUSTER,
    "CROSSSLOT": _CLUSTER,
    "INPROG": _SENTINEL,
    "NOGOODSLAVE": _SENTINEL,
    "NOGOODPRIMARY": _SENTINEL,
    "NOQUORUM": _SENTINEL,
    "IOERR": "it could not reach another server",
}
"""Prefixes of answers that say nothing against the request."""

_MOVED_ON = frozenset({"READONLY", "MASTERDOWN", "NOMASTERLINK", "UNBLOCKED", "REDIRECT", "MOVED"})

OUR_FAULT = frozenset(
    {
        "WRONGTYPE",  # a key of ours holds what it never should
        "BUSYGROUP",  # XGROUP, RESTORE, PFADD: commands that we never send
        "NOGROUP",
        "BUSYKEY",
        "INVALIDOBJ",
    }
)
"""Prefixes of answers to a request that is wrong."""

# Of ERR, which has no finer prefix. First those that say nothing against the request …
_AWAY_WORDS = (
    (re.compile(r"max number of clients"), _FULL),
    (re.compile(r"unknown (\w+ )?(sub)?command", re.IGNORECASE), _TOO_OLD),
    (re.compile(r"Write commands are not allowed after non deterministic"), _TOO_OLD),
    (re.compile(r"ACL failure|The user executing the script"), _NO_PERMISSION),
    (re.compile(r"operation not permitted"), _WHO),
    (re.compile(r"Script killed"), _FAILED_SCRIPT),
    (re.compile(r"(DB|invalid DB) index"), "it has no database of that number"),
    (re.compile(r"(AUTH .*|Client sent AUTH, but )(called without any|no) password", re.IGNORECASE), "it asks for no password"),
)
# … then those that are a fault of a programmer.
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

# redis-py strips these prefixes, and before 8 keeps them nowhere. A subclass stands before its base.
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
_ANNOTATED = " of pipeline caused error: "  # redis-py's words; before them stand arguments of the command
# A script that failed on a server before 7: "Error running script (call to f_…): @user_script:1: @user_script: 1: -OOM command …"
_WRAPPED = re.compile(r"Error running script \(call to \w+\): @user_script: ?\d+: (@user_script: ?\d+: )?-?")
_PREFIX = re.compile(r"-?(?!(?:ACL|AUTH|DB|DISCARD|EXEC|MULTI|WATCH) )([A-Z]{2,})(?: |$)")  # those begin words after ERR


def why_unavailable(error: BaseException) -> str | None:
    """Why the server does not serve us; None for a fault in the request."""
    if isinstance(error, DataError):
        return None
    if isinstance(error, ResponseError) or _answered(error):
        return _why_refused(error)
    if isinstance(error, InvalidResponse):
        return "what answers there is no Redis"
    return _lost(error) if isinstance(error, RedisError | OSError) else None


def moved_on(error: BaseException) -> bool:
    """Whether another server may have taken over, which only a new connection reaches."""
    return isinstance(error, RedisError) and _read(error)[0] in _MOVED_ON


def drop_arguments(error: BaseException) -> None:
    """Drop what redis-py puts in front of the server's words: the command with its arguments, which may be a recipient's."""
    if isinstance(error, ResponseError):
        error.args = (_said(error), *error.args[1:])


def _answered(error: BaseException) -> bool:
    """Whether a lost connection, as redis-py sees it, was an answer of the server."""
    return isinstance(error, RedisError) and any(isinstance(error, kind) for kind, _ in _PREFIXES)


def _why_refused(error: BaseException) -> str | None:
    code, words = _read(error)
    if code in OUR_FAULT:
        return None
    if code != "ERR":
        return f"{code}: {AWAY.get(code, 'an answer that is new to us')}"
    return _meaning(words) or (None if _OUR_WORDS.match(words) else "ERR: its log may say why")


def _read(error: BaseException) -> tuple[str, str]:
    """Prefix and words of an answer."""
    said = _said(error)
    words = _WRAPPED.sub("", said, count=1)
    if words == said:
        stripped = getattr(error, "status_code", None)
        if stripped in {None, "ERR"}:
            stripped = next((code for kind, code in _PREFIXES if isinstance(error, kind)), stripped)
        if stripped is not None:
            return stripped, words
    found = _PREFIX.match(words)
    return (found[1], words[found.end() :]) if found else ("ERR", words)


def _lost(error: RedisError | OSError) -> str:
    """What became of the connection; the words of the system may name a host, so that only its kind is told."""
    return _meaning(_said(error)) or type(error).__name__


def _meaning(words: str) -> str | None:
    return next((meaning for known, meaning in _AWAY_WORDS if known.match(words)), None)


def _said(error: BaseException) -> str:
    """The server's words, without what redis-py puts in front of them."""
    return str(error).rpartition(_ANNOTATED)[2]
