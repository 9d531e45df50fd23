"""The delivery loop over a real store and real sockets, with threads in place of a worker's greenlets."""

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest

from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay_worker.outcomes.answer import Answer, Verdict, failed
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.webhook import Webhook
from smsrelay_worker.store.sinks.outcomes import LEASE
from tests.support.outcome_rig import SHOP, Rig, rig_on
from tests.support.replicated_valkey import Replicated
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver

KEY = b"0123456789abcdef01234567"
DEAD = "dead.webhook"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as running:
        yield running


@pytest.fixture
def rigged(redis: StoreRedis) -> Callable[..., Rig]:
    return partial(rig_on, redis)


def hook(url: str) -> Webhook:
    return Webhook(url, [KEY], private=True)


def test_each_outcome_is_delivered_once(rigged: Callable[..., Rig], receiver: WebhookReceiver) -> None:
    rig = rigged({SHOP: hook(receiver.url)})
    made = rig.outcomes(200)
    with rig.running():
        eventually(lambda: rig.waiting() == 0, "all are taken")
    assert sorted(one.message_id for one in receiver.told) == sorted(one.message_id for one in made)
    assert rig.states.read()[SHOP].status == "200"


def test_what_too_few_replicas_have_stays_in_hand_and_is_told_when_they_are_back(
    replicated: Replicated, receiver: WebhookReceiver
) -> None:
    with closing(open_store(replicated.address(wait=0.1), 8)) as redis:
        rig = rig_on(redis, {SHOP: hook(receiver.url)})
        rig.outcomes(20)
        replicated.freeze()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                rig.delivery.turn()
        assert rig.outbox.claim([(SHOP, 1)], LEASE) == []
        assert receiver.told == []
        replicated.thaw()
        with rig.running():
            eventually(lambda: rig.waiting() == 0, "all are taken, though their claims have not run out")
        assert len(receiver.told) == 20


def test_a_large_backlog_for_a_dead_endpoint_costs_little_and_slows_no_other(
    rigged: Callable[..., Rig], receiver: WebhookReceiver, closed_port: int
) -> None:
    rig = rigged({DEAD: hook(f"http://127.0.0.1:{closed_port}"), SHOP: hook(receiver.url)})
    rig.outcomes(100_000, DEAD)
    rig.outcomes(100)
    tracemalloc.start()
    try:
        with rig.running():
            eventually(lambda: rig.waiting() == 0, "the other sink has all of its own")
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
    assert rig.waiting(DEAD) == 100_000
    later = rig.redis.zcount(KEYS.outcomes(DEAD), f"({rig.redis.time()[0] * 1000 + 1000}", "+inf")
    assert later <= 100, "only a few were tried"


def test_a_sink_that_fails_gives_the_rest_of_its_claims_back(rigged: Callable[..., Rig], closed_port: int) -> None:
    rig = rigged({SHOP: hook(f"http://127.0.0.1:{closed_port}")})
    rig.outcomes(32)
    with rig.running():
        eventually(lambda: SHOP in rig.states.read(), "it has failed")
        eventually(lambda: len(rig.outbox.claim([(SHOP, 1)], 0.001)) == 1, "what was not tried is due again")


def test_endpoints_that_hang_and_fill_the_process_leave_room_for_every_other(
    rigged: Callable[..., Rig], receiver: WebhookReceiver
) -> None:
    hanging = [f"hang{number}.webhook" for number in range(4)]
    rig = rigged({sink: hook(f"{receiver.url}/{sink}") for sink in (*hanging, SHOP)}, at_once=8)
    for sink in hanging:
        receiver.hold(f"/{sink}")
        rig.outcomes(50, sink)
    with rig.running():
        eventually(lambda: all(receiver.holding[f"/{sink}"] for sink in hanging), "all hang")
        assert sum(receiver.holding.values()) <= 8 + len(hanging)
        rig.outcomes(20)
        eventually(lambda: rig.waiting() == 0, "the other sink has all of its own")
        for sink in hanging:
            receiver.release(f"/{sink}")


def test_what_waits_behind_deliveries_that_hang_is_told_by_another_process_and_nothing_by_both(
    rigged: Callable[..., Rig], receiver: WebhookReceiver
) -> None:
    hanging, other = rigged({SHOP: hook(f"{receiver.url}/hangs")}), rigged({SHOP: hook(f"{receiver.url}/answers")})
    receiver.hold("/hangs")
    hanging.outcomes(32)
    with hanging.running():
        eventually(lambda: receiver.holding["/hangs"] == 8, "every connection hangs, and all is claimed")
        with other.running():
            eventually(lambda: len(receiver.at("/answers")) >= 24, "the other one has what had not begun")
            told = {one.message_id for one in receiver.at("/answers")}
            assert told.isdisjoint(one.message_id for one in receiver.at("/hangs")[:8])
            receiver.release("/hangs")
        eventually(lambda: hanging.waiting() == 0, "nothing waits")


def test_a_paused_sink_gets_nothing_until_it_is_resumed(rigged: Callable[..., Rig], receiver: WebhookReceiver) -> None:
    rig = rigged({SHOP: hook(receiver.url)})
    rig.states.report(SHOP, "410", taken=False, gone=True)
    rig.outcomes(3)
    for _ in range(5):
        rig.delivery.turn()
    assert receiver.told == []
    rig.states.resume(SHOP)
    with rig.running():  # its first turn may come before the request
        assert rig.delivery.deliver_now(SHOP) in {f"{SHOP}: {taken} taken, 0 failed" for taken in range(4)}
        eventually(lambda: len(receiver.told) == 3, "all are told")


def test_an_operator_may_ask_for_another_try_at_once(rigged: Callable[..., Rig], receiver: WebhookReceiver) -> None:
    rig = rigged({SHOP: hook(receiver.url)})
    receiver.always["/"] = 500
    rig.outcomes(5)
    with rig.running():
        eventually(lambda: len(receiver.told) >= 3, "it fails")
        del receiver.always["/"]
        eventually(lambda: rig.outbox.due_now(SHOP, 0.1) >= 0 and "0 failed" in rig.delivery.deliver_now(SHOP), "it is taken")
        eventually(lambda: rig.waiting() == 0, "nothing waits")


def test_a_test_leaves_outbox_and_state_alone(rigged: Callable[..., Rig], receiver: WebhookReceiver) -> None:
    rig = rigged({SHOP: hook(receiver.url)})
    rig.states.report(SHOP, "410", taken=False, gone=True)
    assert rig.delivery.test(SHOP, "0a1b") == f"{SHOP}: 200"
    assert rig.states.test_result("0a1b") == "200"
    assert receiver.told[0].event["data"]["app"] == "shop"
    assert rig.states.read()[SHOP].status == "410"


def test_an_unknown_sink_is_said_to_be_one(rigged: Callable[..., Rig]) -> None:
    rig = rigged({})
    assert rig.delivery.deliver_now("13912345678") == "the worker's apps file has no such sink"
    assert rig.delivery.test("13912345678", "0a1b") == "the worker's apps file has no such sink"
    assert rig.states.test_result("0a1b") == "the worker's apps file has no such sink"


def test_an_outcome_whose_message_is_gone_is_dropped(rigged: Callable[..., Rig], receiver: WebhookReceiver) -> None:
    rig = rigged({SHOP: hook(receiver.url)})
    made = rig.outcomes(3)
    rig.redis.delete(KEYS.message(made[0].message_id))
    with rig.running():
        eventually(lambda: rig.waiting() == 0, "nothing waits")
    assert sorted(one.message_id for one in receiver.told) == sorted(one.message_id for one in made[1:])


def test_a_record_that_cannot_be_read_holds_up_no_other(rigged: Callable[..., Rig], receiver: WebhookReceiver) -> None:
    rig = rigged({SHOP: hook(receiver.url)})
    made = rig.outcomes(3)
    rig.redis.hset(KEYS.message(made[1].message_id), "lane", "no lane")
    with rig.running():
        eventually(lambda: rig.waiting() == 1, "the others are taken")
    assert sorted(one.message_id for one in receiver.told) == sorted((made[0].message_id, made[2].message_id))


def test_an_entry_that_is_no_outcome_holds_up_no_other(rigged: Callable[..., Rig], receiver: WebhookReceiver) -> None:
    rig = rigged({SHOP: hook(receiver.url)})
    rig.redis.zadd(KEYS.outcomes(SHOP), {"018f|5|?": 1, "no outcome": 2})
    rig.outcomes(3)
    with rig.running():
        eventually(lambda: rig.waiting() == 2, "the others are taken")
    assert len(receiver.told) == 3


class _Raising:
    at_once, batch, claims = 2, 1, 4

    def deliver(self, events: list[Event]) -> list[Answer]:
        raise RuntimeError("a fault")


def test_a_client_that_raises_counts_as_failed(rigged: Callable[..., Rig]) -> None:
    rig = rigged({SHOP: _Raising()})
    rig.outcomes(1)
    with rig.running():
        eventually(lambda: SHOP in rig.states.read(), "it is reported")
    assert rig.states.read()[SHOP].status == "unexpected exception (RuntimeError)"
    assert rig.waiting() == 1


def test_without_sinks_the_loop_asks_the_store_nothing(rigged: Callable[..., Rig]) -> None:
    rig = rigged({})
    with rig.running():
        before = rig.redis.info("commandstats")
        threading.Event().wait(0.3)
        after = rig.redis.info("commandstats")
    assert {name for name in after if after[name] != before.get(name)} <= {"cmdstat_info"}


def test_what_was_left_for_an_app_of_no_file_is_dropped_with_the_retention_also_without_sinks(
    rigged: Callable[..., Rig],
) -> None:
    rig = rigged({}, sweep_every=0.05)
    rig.redis.hset(KEYS.sinks, "shop", "{}")
    rig.outcomes(3)
    rig.redis.zadd(KEYS.outcomes(SHOP), dict.fromkeys(rig.redis.zrange(KEYS.outcomes(SHOP), 0, 1), 1))
    with rig.running():
        eventually(lambda: rig.waiting() == 1, "only the recent one waits")


def test_of_a_batch_that_fails_nothing_is_lost(rigged: Callable[..., Rig]) -> None:
    class Batches:
        at_once, batch, claims = 1, 200, 400
        up = False
        got: list[str] = []  # noqa: RUF012

        def deliver(self, events: list[Event]) -> list[Answer]:
            self.got += [event.id for event in events] if self.up else []
            return [Answer(Verdict.TAKEN, "published") if self.up else failed("away") for _ in events]

    client = Batches()
    rig = rigged({SHOP: client})
    made = rig.outcomes(300)
    with rig.running():
        eventually(lambda: SHOP in rig.states.read(), "it has failed")
        client.up = True

        def all_taken() -> bool:
            rig.outbox.due_now(SHOP, 0.001)
            rig.delivery.deliver_now(SHOP, 1.0)
            return rig.waiting() == 0

        eventually(all_taken, "all are taken")
    assert len(set(client.got)) == len(made)
