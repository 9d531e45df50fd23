"""The inbox and its tasks: what they cost, what they carry, and what is found in them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import STATUS_QUEUE
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.inbox import BATCH, Inbox
from tests.support.commands import spent
from tests.support.store_keys import KEYS

UPDATED = 1591590009873


def report(number: int, **fields: Any) -> StatusEvent:
    named = {"message_id": f"m{number}", "attempt": 1, "external_id": f"e{number}", "updated_on": UPDATED}
    return StatusEvent(**{**named, "code": "200", "received_at": number, **fields})


@pytest.fixture
def inbox(valkey_url: str) -> Iterator[Inbox]:
    with open_store(StoreAddress(valkey_url)) as client:
        yield Inbox(client)


def published(redis: StoreRedis) -> list[list[StatusEvent]]:
    """The reports of each task on the queue, first published first."""
    bodies = [json.loads(task)["body"] for task in reversed(redis.lrange(STATUS_QUEUE, 0, -1))]
    wires = [json.loads(base64.b64decode(body))[1]["events"] for body in bodies]
    return [[StatusEvent.decode(wire) for wire in batch] for batch in wires]


def test_fifty_reports_are_recorded_and_published_with_less_than_a_command_for_four(
    inbox: Inbox, redis: StoreRedis, valkey_url: str
) -> None:
    events = [report(number) for number in range(BATCH)]
    with Publisher(valkey_url) as publisher:
        publisher.publish_many(inbox.record([report(1000)]))  # connections are open, the script is known
        redis.delete(STATUS_QUEUE)
        cost = spent(redis, lambda: publisher.publish_many(inbox.record(events)))
    assert cost.total() <= BATCH / 4, cost
    print(f"a batch of {BATCH} recorded and published: {cost.total()} commands, {cost}")
    assert published(redis) == [events]


def test_more_than_a_tasks_reports_travel_in_several_and_in_order(inbox: Inbox, redis: StoreRedis, valkey_url: str) -> None:
    events = [report(number, extra={"price": "0.05"} if number % 2 else {}) for number in range(1203)]
    with Publisher(valkey_url) as publisher:
        publisher.publish_many(inbox.record(events))
    tasks = published(redis)
    assert [len(task) for task in tasks] == [BATCH] * 24 + [3]
    assert [event for task in tasks for event in task] == events
    assert redis.hlen(KEYS.reports) == redis.zcard(KEYS.reports_outbox) == redis.zcard(KEYS.reports_keys) == 1203


def test_reports_get_places_in_the_order_in_which_they_came(inbox: Inbox, redis: StoreRedis) -> None:
    inbox.record([report(3), report(1)])
    inbox.record([report(2)])
    places = [name.split("|")[0] for name in redis.zrange(KEYS.reports_outbox, 0, -1)]
    assert places == ["m3", "m1", "m2"]


def test_the_same_report_is_kept_once_however_often_it_comes(inbox: Inbox, redis: StoreRedis) -> None:
    inbox.record([report(1), report(1, received_at=2)])
    inbox.record([report(1)])
    assert redis.hlen(KEYS.reports) == redis.zcard(KEYS.reports_outbox) == redis.zcard(KEYS.reports_keys) == 1


def test_what_waits_for_a_message_is_found_by_its_id_and_by_the_vendors(inbox: Inbox) -> None:
    by_the_vendors = report(0, message_id=None, attempt=None, external_id="e1")
    first, second = report(1), report(1, attempt=2, code="503")
    inbox.record([report(10), first, report(2), second, by_the_vendors, report(0, message_id="m1.5")])
    assert inbox.waiting("m1", None) == [first, second]
    assert inbox.waiting("m1", "e1") == [first, second, by_the_vendors]
    assert inbox.waiting("m", "e") == []


def test_looking_for_what_waits_costs_the_same_however_much_waits_for_others(inbox: Inbox, redis: StoreRedis) -> None:
    inbox.record([report(number) for number in range(10_000)])
    assert spent(redis, lambda: inbox.waiting("m", "e")) == {"zrangebylex": 2}


def test_what_was_applied_is_let_go_of_and_says_how_far_the_workers_are(inbox: Inbox, redis: StoreRedis) -> None:
    events = [report(number) for number in range(10)]
    inbox.record(events)
    inbox.remove([events[4], events[2], report(99)])
    assert redis.get(KEYS.reports_taken) == "5"
    inbox.remove(events)
    assert redis.get(KEYS.reports_taken) == "10"
    assert not redis.exists(KEYS.reports, KEYS.reports_outbox, KEYS.reports_keys)


def test_what_was_applied_out_of_its_turn_does_not_say_that_the_others_are_lost(inbox: Inbox, redis: StoreRedis) -> None:
    events = [report(number) for number in range(10)]
    inbox.record(events)
    inbox.remove(events[9:], in_turn=False)
    assert redis.get(KEYS.reports_taken) is None
    assert redis.zcard(KEYS.reports_outbox) == 9
