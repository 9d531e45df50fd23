"""Errors of a living store: a real Valkey answers with each of them for as long as it shall, and is mended; answers get lost."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from smsrelay_worker.local.stack import free_port
from tests.chaos.faults import store_errors
from tests.chaos.stage.gate import Gate
from tests.chaos.stage.observer import as_observer, valkey_with_observer
from tests.chaos.stage.part import Part
from tests.support.waiting import eventually

Erring = Callable[[store_errors.Connect, Callable[[], None]], contextlib.AbstractContextManager[None]]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, port = tmp_path_factory.mktemp("valkey"), free_port()
    server = Part("valkey", valkey_with_observer(port, folder), {}, folder)
    server.start()
    try:
        eventually(lambda: _answer(as_observer(port)) == "True", "Valkey answers")
        yield port
    finally:
        server.end()


def _anybody(port: int) -> Redis:
    return Redis(port=port, retry=Retry(NoBackoff(), 0), socket_timeout=5)


def _answer(client: Redis) -> str:
    """What a new connection of the client hears when it reads, or else when it writes."""
    with client:
        try:
            client.get("key")
            return str(client.set("key", "value"))
        except RedisError as error:
            return str(error)


@pytest.mark.parametrize(
    ("erring", "said"),
    [
        (lambda connect, cut: store_errors.busy(connect), "BUSY"),
        (lambda connect, cut: store_errors.without_replicas(connect), "NOREPLICAS"),
        (lambda connect, cut: store_errors.without_primary(connect), "MASTER"),
        (store_errors.another_password, "already authenticated"),
        (store_errors.without_room, "max number of clients reached"),
    ],
)
def test_valkey_answers_with_the_error_until_it_is_mended(valkey: int, erring: Erring, said: str) -> None:
    others: list[Redis] = []

    def fill() -> None:
        """Take what room there is."""
        for _ in range(10):
            with contextlib.suppress(RedisError):
                others.append(_anybody(valkey))
                others[-1].ping()

    with erring(lambda: as_observer(valkey), fill):
        eventually(lambda: said in _answer(_anybody(valkey)), f"it answers {said}", 10)
    for other in others:
        other.close()
    eventually(lambda: _answer(_anybody(valkey)) == "True", "it takes writes again", 10)


def test_one_that_errs_in_two_ways_at_once_is_mended_of_both(valkey: int) -> None:
    def connect() -> Redis:
        return as_observer(valkey)

    with store_errors.without_primary(connect), store_errors.busy(connect):
        eventually(lambda: "BUSY" in _answer(_anybody(valkey)) or "MASTER" in _answer(_anybody(valkey)), "it errs", 10)
    assert _answer(_anybody(valkey)) == "True"


def test_what_is_asked_on_a_deafened_way_is_done_and_its_answer_is_lost(valkey: int) -> None:
    gate = Gate({"store": [valkey]})
    gate.start()
    try:
        with Redis(port=gate.port("store"), socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
            client.set("done", "no")
            gate.tell("store", "deafen")
            with pytest.raises((RedisTimeoutError, RedisConnectionError)):
                client.set("done", "yes")
            gate.tell("store", "cut")
            gate.tell("store", "open")
            assert client.get("done") == b"yes"
    finally:
        gate.stop()
