"""A walk through all keys is of one server: one that is started again keeps them in another order."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.walk import BEGINNING, AnotherServer, Place
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.store.api.app_messages import AppMessages
from smsrelay_worker.store.final_messages import FinalMessages
from smsrelay_worker.store.message_ids import MessageIds
from tests.support.documented_rights import admit_to_redis
from tests.support.messages import NUMBER_KEYS
from tests.support.valkey import running_valkey

MANY = 3_000


def app_messages(redis: StoreRedis) -> Iterator[Any]:
    return AppMessages(redis).with_outcome("shop")


def suppressed(redis: StoreRedis) -> Iterator[Any]:
    return Suppressions(redis, NUMBER_KEYS).entries()


def final_messages(redis: StoreRedis) -> Iterator[Any]:
    return FinalMessages(redis, lambda _: None).pages()


def ids(redis: StoreRedis) -> Iterator[Any]:
    place: Place | None = BEGINNING
    while place is not None:
        found, place = MessageIds(redis).some_beginning_with("", place, 1)
        yield found


WALKS = [app_messages, suppressed, final_messages, ids]


@pytest.mark.parametrize("walk", WALKS)
def test_no_walk_goes_on_in_a_server_that_was_started_again(tmp_path: Path, walk: Callable[[StoreRedis], Iterator[Any]]) -> None:
    port, folder = free_port(), tmp_path / "store"
    folder.mkdir()
    with running_valkey(port, folder) as url, open_store(StoreAddress(url)) as redis:
        fill(redis)
        assert sum(1 for _ in walk(redis)) > 1
        broken_off = walk(redis)
        next(broken_off)
        place = next_place(redis)
    with running_valkey(port, folder), open_store(StoreAddress(url)) as redis:
        with pytest.raises(AnotherServer, match="another server took its place, in the middle of the walk"):
            list(broken_off)
        with pytest.raises(AnotherServer):
            MessageIds(redis).some_beginning_with("", place, 1)
        assert sum(1 for _ in walk(redis)) > 1, "which can be walked through from the beginning"


@pytest.mark.parametrize("walk", WALKS)
def test_the_rights_of_an_operator_suffice(tmp_path: Path, walk: Callable[[StoreRedis], Iterator[Any]]) -> None:
    with running_valkey(free_port(), tmp_path) as url, Redis.from_url(url) as admin:
        admit_to_redis(admin, "walrus")
        with open_store(StoreAddress(url.replace("//", "//operator:walrus@"))) as redis:
            fill(redis)
            assert sum(1 for _ in walk(redis)) > 1
        without_info = StoreAddress(url.replace("//", "//receiver:walrus@"))
        with open_store(without_info) as redis, pytest.raises(StoreUnavailable, match="lacks a permission"):
            list(walk(redis))


def test_a_place_is_read_as_it_was_written() -> None:
    for place in (BEGINNING, Place(2**64 - 1, "0123456789abcdef" * 2 + "01234567")):
        assert Place.decode(place.encode()) == place
    assert [Place.decode(text) for text in ("", "7", "x:", "-1:", "7:G", "1" * 21 + ":")] == [None] * 6


def fill(redis: StoreRedis) -> None:
    """Final messages of an app with an outcome, and suppressed numbers."""
    fields = {"app": "shop", "out": "3:2", "state": "cancelled", "at": 1_800_000_000_000, "rev": 3, "len": 0}
    with redis.pipeline(transaction=False) as pipeline:
        for number in range(MANY):
            pipeline.hset(redis.store_keys.message(f"{number:08x}"), mapping=fields)
        pipeline.execute()
    Suppressions(redis, NUMBER_KEYS).add([f"+86139{number:08d}" for number in range(MANY)], "app:shop", "command")


def next_place(redis: StoreRedis) -> Place:
    _, further = MessageIds(redis).some_beginning_with("", BEGINNING, 1)
    assert further is not None
    return further
