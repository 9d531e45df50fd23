"""Suppressions: lists of numbers in a real store, under keys that change."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from smsrelay.contract.key_name import key_name
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import recipient_digest
from smsrelay.contract.suppression import SuppressedCount, Suppression
from smsrelay.messages.checks import Bar, Barred
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.asynchronous.suppressions import AsyncSuppressions
from smsrelay.store.connection import StoreRedis
from smsrelay.store.outbox import Outbox
from smsrelay.store.suppressions import Suppressions
from tests.support.messages import NUMBER_KEYS, job
from tests.support.store_keys import KEYS

OLD, NEW = b"the old number key", b"the new number key"
NUMBERS = [f"+86139{number:08d}" for number in range(1_234)]


@pytest.fixture
def lists(redis: StoreRedis) -> Suppressions:
    return Suppressions(redis, KeyRing(OLD))


@pytest.fixture
def rotated(redis: StoreRedis) -> Suppressions:
    return Suppressions(redis, KeyRing(NEW, OLD))


def counted(lists: Suppressions) -> dict[str, int]:
    return {count.list: count.numbers for count in lists.counts()}


def test_a_number_is_on_the_list_that_it_joined_and_on_no_other(lists: Suppressions) -> None:
    assert lists.add(NUMBERS[:2], "app:shop", "command") == [True, True]
    [found] = lists.of(NUMBERS[0])
    assert (found.list, found.source, found.key_name, found.since > 0) == ("app:shop", "command", key_name(OLD), True)
    assert lists.of(NUMBERS[2]) == lists.of(NUMBERS[0], ["*", "app:other"]) == []


def test_a_number_joins_once_and_keeps_why_it_did(lists: Suppressions) -> None:
    lists.add(NUMBERS[:1], "*", "command")
    before = lists.of(NUMBERS[0])
    assert lists.add(NUMBERS[:2], "*", "import") == [False, True]
    assert lists.of(NUMBERS[0]) == before
    assert counted(lists) == {"*": 2}


def test_a_number_that_comes_twice_in_one_call_is_added_and_removed_once(lists: Suppressions, rotated: Suppressions) -> None:
    twice = [NUMBERS[0], NUMBERS[1], NUMBERS[0]]
    assert lists.add(twice, "*", "command") == [True, True, False]
    assert rotated.add(twice, "*", "command") == [False, False, False]
    assert counted(rotated) == {"*": 2}
    assert rotated.remove(twice, "*") == [True, True, False]
    assert counted(rotated) == {}


def test_any_number_of_numbers_is_added_listed_and_removed(lists: Suppressions) -> None:
    assert all(lists.add(NUMBERS, "sig:云[签]*", "import"))
    lists.add(NUMBERS[:3], "sig:云签", "import")
    assert len({one.digest for one in lists.entries("sig:云[签]*")}) == len(NUMBERS)
    assert len({one.digest for one in lists.entries()}) == len(NUMBERS)
    assert sum(lists.remove([*NUMBERS, "+8613800000000"], "sig:云[签]*")) == len(NUMBERS)
    assert counted(lists) == {"sig:云签": 3}
    assert list(lists.entries("sig:云[签]*")) == []


def test_the_store_holds_no_number(lists: Suppressions, redis: StoreRedis) -> None:
    lists.add(NUMBERS[:1], "*", "api")
    assert "139" not in str(redis.hgetall(KEYS.suppressed).values())
    assert NUMBERS[0][3:] not in str(redis.hgetall(KEYS.suppressed))


def test_a_number_stays_suppressed_when_keys_are_replaced(lists: Suppressions, rotated: Suppressions) -> None:
    lists.add(NUMBERS[:1], "*", "command")
    assert rotated.of(NUMBERS[0]) == lists.of(NUMBERS[0])
    assert rotated.remove(NUMBERS[:1], "*") == [True]
    assert lists.of(NUMBERS[0]) == []


def test_a_number_that_is_added_again_is_under_the_newest_key_from_then_on(lists: Suppressions, rotated: Suppressions) -> None:
    lists.add(NUMBERS[:2], "*", "command")
    [before] = lists.of(NUMBERS[0])
    assert rotated.add(NUMBERS[:1], "*", "import") == [False]
    [after] = rotated.of(NUMBERS[0])
    assert (after.since, after.source, after.key_name) == (before.since, before.source, key_name(NEW))
    assert rotated.counts() == [SuppressedCount("*", tuple(sorted([(key_name(OLD), 1), (key_name(NEW), 1)])))]


def test_what_was_exported_is_restored_as_it_was(lists: Suppressions, redis: StoreRedis) -> None:
    lists.add(NUMBERS, "app:shop", "command")
    lists.add(NUMBERS[:3], "*", "status.510")
    exported, counts = set(lists.entries()), lists.counts()
    redis.flushall()
    assert sum(lists.restore(list(exported))) == len(exported)
    assert (set(lists.entries()), lists.counts()) == (exported, counts)
    assert not any(lists.restore(list(exported)))
    assert (set(lists.entries()), lists.counts()) == (exported, counts)


def test_an_event_loop_adds_finds_and_removes(lists: Suppressions, valkey_url: str) -> None:
    async def used() -> list[object]:
        store = AsyncStore(StoreAddress(valkey_url), lists.scripts)
        on_loop, until = AsyncSuppressions(store, lists), asyncio.get_running_loop().time() + 10
        added = await on_loop.add(NUMBERS, "app:shop", "api", until)
        found = await on_loop.of(NUMBERS[0], ["*", "app:shop"], until)
        removed = await on_loop.remove(NUMBERS, "app:shop", until)
        gone = await on_loop.of(NUMBERS[0], ["*", "app:shop"], until)
        await store.close()
        return [all(added), [one.source for one in found], all(removed), gone]

    assert asyncio.run(used()) == [True, ["api"], True, []]


steps = st.tuples(
    st.sampled_from(["add", "remove", "restore"]), st.integers(0, 2), st.sampled_from(["*", "app:a"]), st.booleans()
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=25))
def test_counts_agree_with_the_entries_whatever_is_done_under_which_key(
    redis: StoreRedis, lists: Suppressions, rotated: Suppressions, done: list[tuple[str, int, str, bool]]
) -> None:
    redis.flushall()
    exported: Iterable[Suppression] = []
    for step, number, name, later in done:
        with_keys = rotated if later else lists
        if step == "add":
            with_keys.add([NUMBERS[number]], name, "command")
            exported = list(lists.entries())
        elif step == "remove":
            with_keys.remove([NUMBERS[number]], name)
        else:
            with_keys.restore(list(exported))
    found: dict[tuple[str, str], int] = {}
    for one in lists.entries():
        found[one.list, one.key_name] = found.get((one.list, one.key_name), 0) + 1
    assert {(count.list, name): sum_ for count in lists.counts() for name, sum_ in count.by_key} == found


def test_a_message_under_a_signature_with_a_bar_is_refused_by_its_list(lists: Suppressions, redis: StoreRedis) -> None:
    outbox, signature = Outbox(redis, NUMBER_KEYS), "left|right"
    offer = replace(job(Lane.MARKETING).accept(outbox.now(), {}, lambda: 1), signature=signature)
    redis.hset(KEYS.suppressed, f"{recipient_digest(NUMBER_KEYS.newest, offer.to)}|sig:{signature}", "1|command|")
    [recorded] = outbox.record([offer])
    assert recorded.barred == Barred(Bar.SUPPRESSED, f"sig:{signature}")
