"""The walk through all records: what it finds, and that it is of one server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.enqueue import Enqueuer
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.records import Records
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.store.final_messages import FinalMessages
from tests.support.final_messages import many
from tests.support.messages import enqueuer, job
from tests.support.valkey import running_valkey


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_every_final_message_is_found_among_many_others(door: Enqueuer, store: Records, redis: StoreRedis) -> None:
    waiting = door.enqueue_all(job() for _ in range(300))
    expected = many(door, store, 1_200)
    pages = list(FinalMessages(redis, lambda _: None).pages())
    assert {one.message_id for page in pages for one in page} == expected
    assert len(waiting) == 300
    assert max(map(len, pages)) < 1_200


def test_the_store_rests_as_long_as_a_step_took(door: Enqueuer, store: Records, redis: StoreRedis) -> None:
    many(door, store, 1_200)
    rests: list[float] = []
    ticks: Iterator[float] = iter(range(0, 10_000, 1))
    list(FinalMessages(redis, rests.append, lambda: next(ticks) / 4).pages())
    assert rests
    assert set(rests) == {0.25}


def test_a_walk_does_not_go_on_in_a_server_that_was_started_again(folder: Path) -> None:
    folder.mkdir()
    port = free_port()
    with running_valkey(port, folder) as url, open_store(StoreAddress(url)) as redis:
        many(enqueuer(redis, url), Records(redis, 3600), 1_200)
        pages = FinalMessages(redis, lambda _: None).pages()
        next(pages)
    with running_valkey(port, folder), pytest.raises(StoreUnavailable, match="in the middle of the walk"):
        list(pages)
