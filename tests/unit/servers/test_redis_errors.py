"""What each answer of Redis means. The prefixes are read from the servers' own binaries, so that a new one is decided on."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from redis._parsers.base import BaseParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from smsrelay.servers.redis_errors import AWAY, OUR_FAULT, needs_new_connection, why_unavailable
from smsrelay.store.connection import StoreUnavailable, store_answers
from smsrelay_worker.local.embedded_valkey import command

_VALKEY, _REDIS = Path(command(0, Path())[0]), Path("/usr/bin/redis-check-rdb")  # Debian's, and its redis-server as well
_ANSWER = re.compile(rb"\x00-([A-Z]{2,}) ([ -~]{5,})")  # as the sources write them: "-BUSY Redis is busy …"
_WITHOUT_TEXT = {"MOVED", "ASK"}  # the sources print these with a format
_NUMBER = "+8613800138000"


def answered(text: str) -> Exception:
    """The exception that redis-py makes of an answer."""
    return BaseParser.parse_error(text)  # type: ignore[no-any-return]


def in_a_pipeline(text: str) -> Exception:
    """The same from a pipeline, which puts the command with its arguments in front."""
    error = answered(text)
    error.args = (f"Command # 1 (HSET {{sms}}:p:1 to {_NUMBER}) of pipeline caused error: {error}", *error.args[1:])
    return error


def in_a_script(text: str) -> Exception:
    """The same of a command that a script ran, since Redis 7."""
    return answered(f"{text} script: 62e6aac9c7520a78c28f012748b42ed670fff5d3, on @user_script:1.")


def in_an_old_script(text: str) -> Exception:
    """The same before Redis 7."""
    called = "call to f_62e6aac9c7520a78c28f012748b42ed670fff5d3"
    return answered(f"ERR Error running script ({called}): @user_script:1: @user_script: 1: -{text}")


def by_an_older_client(text: str) -> Exception:
    """As redis-py before 8 tells it, which does not keep the prefix that it strips."""
    error = answered(text)
    error.__dict__.pop("status_code", None)
    return error


WAYS = [answered, in_a_pipeline, in_a_script, in_an_old_script, by_an_older_client]


def answers_of(binary: Path) -> dict[str, list[str]]:
    """What a server may answer, by prefix; skips without the server, and fails in CI."""
    if not binary.exists():
        reason = f"{binary} is not on this machine"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    found: dict[str, list[str]] = {}
    for prefix, text in _ANSWER.findall(binary.read_bytes()):
        found.setdefault(prefix.decode(), []).append(text.decode())
    return found


@pytest.mark.parametrize("binary", [_VALKEY, _REDIS], ids=["valkey", "redis"])
def test_every_prefix_that_a_server_knows_is_decided_on(binary: Path) -> None:
    known = answers_of(binary)
    assert len(known) > 25, "its sources write answers in another way now"
    assert known.keys() - {"ERR"} <= AWAY.keys() | OUR_FAULT


def test_nothing_is_in_both_lists_and_nothing_in_them_that_no_server_answers() -> None:
    assert not AWAY.keys() & OUR_FAULT
    assert (AWAY.keys() | OUR_FAULT) - answers_of(_VALKEY).keys() - answers_of(_REDIS).keys() == _WITHOUT_TEXT


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefix", sorted(AWAY.keys() - _WITHOUT_TEXT))
def test_what_says_nothing_against_the_request_says_that_the_store_is_away(prefix: str, way: Callable[[str], Exception]) -> None:
    why = why_unavailable(way(f"{prefix} some words"))
    assert why is not None
    # An older client tells a missing password from a wrong one by its text alone.
    assert why.startswith("NOAUTH: " if (prefix, way) == ("WRONGPASS", by_an_older_client) else f"{prefix}: ")
    assert why.endswith(AWAY[prefix])


@pytest.mark.parametrize("text", ["MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381"])
def test_the_answers_of_a_cluster_with_another_node_in_them_do_not_quote_it(text: str) -> None:
    assert why_unavailable(answered(text)) == f"{(prefix := text.split(maxsplit=1)[0])}: {AWAY[prefix]}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefix", sorted(OUR_FAULT))
def test_what_is_surely_our_fault_stays_an_error(prefix: str, way: Callable[[str], Exception]) -> None:
    assert why_unavailable(way(f"{prefix} some words")) is None


@pytest.mark.parametrize("way", WAYS)
def test_a_prefix_that_nobody_has_seen_yet_says_that_the_store_is_away(way: Callable[[str], Exception]) -> None:
    assert why_unavailable(way("WALRUS it sleeps")) == "WALRUS: an error that we do not know"


@pytest.mark.parametrize("way", [answered, in_a_pipeline, in_a_script, by_an_older_client])
@pytest.mark.parametrize(
    "words",
    [
        "wrong number of arguments for 'get' command",
        "Wrong number of args calling Redis command from script",
        "syntax error",
        "value is not an integer or out of range",
        "value is not a valid float",
        "min or max is not a float",
        "hash value is not an integer",
        "index out of range",
        "no such key",
        "invalid expire time in 'set' command",
        "Number of keys can't be greater than number of args",
        "EXEC without MULTI",
        "increment or decrement would overflow",
        "user_script:1: attempt to concatenate a nil value",
        "user_script:1: Script attempted to access nonexistent global variable 'foo'",
        "Error compiling script (new function): user_script:1: '=' expected near 'foo'",
        "Error running script (call to f_1): @user_script:1: user_script:1: attempt to index a nil value",
        "This Redis command is not allowed from script",
    ],
)
def test_an_error_of_a_programmer_stays_one(words: str, way: Callable[[str], Exception]) -> None:
    assert why_unavailable(way(f"ERR {words}")) is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("max number of clients reached", "maxclients"),
        ("max number of clients + cluster connections reached", "maxclients"),
        (f"unknown command 'FOO', with args beginning with: '{_NUMBER}' ", "too old"),
        ("unknown subcommand 'FOO'. Try CONFIG HELP.", "too old"),
        ("Unknown subcommand or wrong number of arguments for 'FOO'. Try CONFIG HELP.", "too old"),
        ("Unknown Redis command called from script", "too old"),
        ("ACL failure in script: User u2 has no permissions to run the 'set' command", "permission"),
        ("The user executing the script can't run this command or subcommand", "permission"),
        ("DB index is out of range", "no database of that number"),
        ("AUTH <password> called without any password configured for the default user.", "asks for no password"),
        ("Script killed by user with SCRIPT KILL...", "killed our script"),
        ("Connection timed out", "ERR"),  # of a proxy
    ],
)
def test_an_error_that_a_server_or_a_proxy_has_of_its_own_says_that_the_store_is_away(
    words: str, told: str, way: Callable[[str], Exception]
) -> None:
    why = why_unavailable(way(f"ERR {words}"))
    assert why is not None
    assert told in why
    assert _NUMBER not in why


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RedisConnectionError("Error 111 connecting to walrus:6379."), "ConnectionError"),
        (RedisTimeoutError("Timeout reading from socket"), "TimeoutError"),
        (ConnectionResetError(104, "walrus"), "ConnectionResetError"),
        (InvalidResponse("Protocol Error: b'HTTP/1.1 400'"), "not a Redis"),
    ],
)
def test_a_connection_that_fails_is_told_by_its_kind_alone(error: Exception, told: str) -> None:
    why = why_unavailable(error)
    assert why is not None
    assert told in why
    assert "walrus" not in why


@pytest.mark.parametrize("error", [DataError("Invalid input of type: 'NoneType'"), ZeroDivisionError(), KeyError("to")])
def test_what_is_no_answer_at_all_says_nothing_of_the_store(error: Exception) -> None:
    assert why_unavailable(error) is None


def test_only_a_server_that_was_replaced_is_looked_for_anew() -> None:
    assert needs_new_connection(answered("READONLY You can't write against a read only replica."))
    assert needs_new_connection(in_a_script("MASTERDOWN Link with MASTER is down"))
    assert not needs_new_connection(answered("BUSY Redis is busy"))
    assert not needs_new_connection(RedisConnectionError())


def test_an_error_of_ours_comes_out_of_a_pipeline_without_the_commands_arguments() -> None:
    with pytest.raises(ResponseError) as raised, store_answers():
        raise in_a_pipeline("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert str(raised.value) == "WRONGTYPE Operation against a key holding the wrong kind of value"


def test_what_is_known_to_be_away_stays_what_it_is() -> None:
    with pytest.raises(StoreUnavailable, match="first told"), store_answers():
        raise StoreUnavailable("first told")


def test_operators_find_every_answer_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text("utf-8")
    assert [prefix for prefix in AWAY if f"`{prefix}`" not in page] == []
