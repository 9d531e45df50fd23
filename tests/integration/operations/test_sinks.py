"""What the doctor finds about sinks in a real store, and what a replay puts back."""

import pytest

from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.apps.model import App, Apps, WebhookSink
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.operations.doctor.traffic.sinks import examine_sinks
from smsrelay_worker.operations.sinks import Condition, OutcomeReplay, sink_overviews
from smsrelay_worker.store.api.app_messages import AppMessages
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates
from tests.support.messages import RETENTION
from tests.support.store_keys import KEYS

NOW = 1_800_000_000_000
SHOP = "shop.webhook"
APPS = Apps({"shop": App("shop", webhook=WebhookSink("https://shop.example", (b"k" * 24,)))})


@pytest.fixture
def outbox(redis: StoreRedis) -> OutcomeOutbox:
    return OutcomeOutbox(redis, RETENTION)


def outcome(number: int, at: int = NOW) -> Outcome:
    return Outcome(f"018f-{number}", 3, State.DELIVERED, 1, "200", "status.200", at)


def test_the_doctor_names_outcomes_of_a_sink_that_no_file_names(redis: StoreRedis, outbox: OutcomeOutbox) -> None:
    outbox.add("former.webhook", [outcome(1)])
    outbox.add(SHOP, [outcome(2)])
    [found] = examine_sinks(redis, APPS, outbox, NOW)
    assert "former.webhook" in found.problem


def test_the_doctor_names_a_sink_that_is_disabled(redis: StoreRedis, outbox: OutcomeOutbox) -> None:
    SinkStates(redis).report(SHOP, "410", taken=False, gone=True)
    [found] = examine_sinks(redis, APPS, outbox, NOW)
    assert "answered 410" in found.problem
    [overview] = sink_overviews(APPS, outbox, SinkStates(redis))
    assert overview.condition is Condition.DISABLED


def record(redis: StoreRedis, number: int, app: str, state: State, at: int) -> None:
    """A message as the store holds it: accepted a second before its last outcome."""
    fields = {
        "lane": "otp",
        "tpl": "0",
        "app": app,
        "at": at - 1000,
        "who": "w",
        "state": state.value,
        "try": 1,
        "rev": 3,
        "len": 2,
    }
    redis.hset(KEYS.message(f"018f-{number}"), mapping=fields | {"t2": f"+1000|{state.letter}||200|=", "out": "3:2"})


def test_a_replay_puts_back_what_the_app_was_told_since_then(redis: StoreRedis, outbox: OutcomeOutbox) -> None:
    for number in range(1200):
        record(redis, number, "shop", State.DELIVERED, NOW)
    record(redis, 5000, "shop", State.DELIVERED, NOW - 10_000)  # too old
    record(redis, 5001, "other", State.DELIVERED, NOW)
    record(redis, 5002, "shop", State.SUBMITTED, NOW)  # not final
    replay = OutcomeReplay(APPS, AppMessages(redis), Records(redis, RETENTION), outbox)
    assert replay.replay("shop", [SHOP], NOW - 5000, dry_run=True) == {SHOP: 1200}
    assert outbox.waiting([SHOP])[SHOP].count == 0
    assert replay.replay("shop", [SHOP], NOW - 5000) == {SHOP: 1200}
    assert outbox.waiting([SHOP])[SHOP].count == 1200
    assert {one.outcome for one in outbox.claim([(SHOP, 5)], 60.0)} <= {outcome(number) for number in range(1200)}
    assert replay.replay("shop", [SHOP], NOW - 5000)[SHOP] == 1200, "again, and nothing twice"
    assert outbox.waiting([SHOP])[SHOP].count == 1200
