"""The action log in a real store: order, pages, filters, and what a busy app pushes out."""

from dataclasses import replace

import pytest

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.store.actions.action import Action, ActionFilter, Via
from smsrelay_worker.store.actions.action_log import ActionLog
from tests.support.messages import store_clock
from tests.support.store_keys import KEYS

ALICE = Action(Via.COMMAND, "alice@relay-1", "halt", "lane:otp")
APP = Action(Via.API, "ab12cd34", "suppress add", "list:app:shop number:+86139****5678", "added")


@pytest.fixture
def log(redis: StoreRedis) -> ActionLog:
    return ActionLog(redis)


def test_entries_come_newest_first_with_the_stores_instant(log: ActionLog, redis: StoreRedis) -> None:
    before = store_clock(redis)
    written = [log.append(one) for one in (ALICE, replace(ALICE, what="resume"), ALICE)]
    assert log.read() == written[::-1]
    assert before <= written[0].at <= store_clock(redis)


def test_entries_of_operators_and_apps_are_paged_together_without_losing_one(log: ActionLog) -> None:
    written = [log.append(APP if number % 3 else ALICE) for number in range(50)]
    found: list[Action] = []
    while page := log.read(before=found[-1].entry_id if found else "", limit=7):
        found += page
    assert len(found) == len(written)
    assert sorted(found, key=lambda one: one.entry_id) == sorted(written, key=lambda one: one.entry_id)
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)


def test_two_entries_of_one_instant_are_both_on_pages_of_one(log: ActionLog, redis: StoreRedis) -> None:
    for key, one in ((KEYS.actions, ALICE), (KEYS.app_actions, APP)):
        redis.xadd(key, one.encode(), id="1700000000000-0")
    [first] = log.read(limit=1)
    [second] = log.read(limit=1, before=first.entry_id)
    assert [first.via, second.via] == [Via.API, Via.COMMAND]
    assert log.read(before=second.entry_id) == []


def test_a_filter_looks_past_entries_that_do_not_match(log: ActionLog) -> None:
    wanted = log.append(ALICE)
    for _ in range(450):
        log.append(APP)
    assert log.read(ActionFilter(who="alice"), limit=1) == [wanted]
    assert log.read(ActionFilter(since=wanted.at + 3_600_000)) == []


def test_a_busy_app_does_not_push_out_what_operators_did(log: ActionLog, redis: StoreRedis) -> None:
    log.append(ALICE)
    with redis.pipeline(transaction=False) as pipeline:
        for _ in range(10_500):
            pipeline.execute_command(*log.append_command(APP))
        pipeline.execute()
    assert 10_000 <= redis.xlen(KEYS.app_actions) < 10_500
    assert [one.who for one in log.read(ActionFilter(via=Via.COMMAND))] == ["alice@relay-1"]
