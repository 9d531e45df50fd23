"""Campaigns are counted, listed, and cancelled page by page, on a real store."""

from collections.abc import Sequence

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.checks import Bar, Barred
from smsrelay.messages.progress import CampaignState
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay.store.script import Script
from smsrelay.store.traffic.campaign_cancel import CampaignCancel
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay.store.traffic.halts import Effect, Halts, Unfinished
from smsrelay.store.traffic.held_messages import HeldMessages
from smsrelay_worker.messages.barred import barred
from smsrelay_worker.messages.lifecycle import woken
from smsrelay_worker.messages.reports import reported
from smsrelay_worker.vendors.base import Answer, Kind
from tests.integration.store.test_halts import hold
from tests.support.messages import ACCEPTED, POLICY, answer, begin, changed, job
from tests.support.store_keys import KEYS

SPRING = "shop/spring"
REFUSED = Answer(Kind.REFUSED, "0014")
FAR_AHEAD = 4 * 10**12


@pytest.fixture
def campaigns(redis: StoreRedis) -> Campaigns:
    return Campaigns(redis)


@pytest.fixture
def cancel(redis: StoreRedis, store: Records) -> CampaignCancel:
    return CampaignCancel(redis, store)


def accepted(door: Enqueuer, count: int, campaign: str = "spring", app: str = "shop") -> list[str]:
    results = door.enqueue_many(job(Lane.MARKETING, app=app, campaign=campaign) for _ in range(count))
    return [one.message_id for one in results]


def states(store: Records, message_ids: list[str]) -> set[State]:
    return {reading.record.state for reading in store.read_many(message_ids) if reading is not None}


def test_the_counts_add_up_to_what_was_accepted(store: Records, door: Enqueuer, campaigns: Campaigns) -> None:
    submitted, failed, waiting = accepted(door, 3)
    for message_id, said in ((submitted, ACCEPTED), (failed, REFUSED)):
        begin(store, message_id)
        answer(store, message_id, 1, said)
    begin(store, waiting)
    [progress] = campaigns.progress([SPRING])
    assert (progress.accepted, progress.submitted, progress.failed, progress.submitting) == (3, 1, 1, 1)
    assert progress.failed_by == {"0014": 1}
    assert progress.waiting + progress.under_way + progress.final == progress.accepted
    assert progress.state is CampaignState.RUNNING


@pytest.mark.parametrize(
    ("reports", "failed_by"),
    [
        (["504", "510"], {"510": 1}),  # a newer report with another code
        (["504", "510", "200"], {}),
        (["510", "9999"], {"510": 1}),  # a report that changes nothing
        (["510", "9999", "200"], {}),
    ],
)
def test_failures_are_counted_by_the_code_that_counts(
    store: Records, redis: StoreRedis, door: Enqueuer, campaigns: Campaigns, reports: list[str], failed_by: dict[str, int]
) -> None:
    [message_id] = accepted(door, 1)
    begin(store, message_id)
    answer(store, message_id, 1, ACCEPTED)
    for place, code in enumerate(reports):
        event = StatusEvent(message_id=message_id, attempt=1, code=code, updated_on=place, received_at=place)
        changed(store, message_id, lambda reading, event=event: reported(reading.record, 1, event, POLICY, reading.now, 0.5))
    [progress] = campaigns.progress([SPRING])
    assert (progress.failed, progress.failed_by) == (len(failed_by), failed_by)
    assert all(int(count) >= 0 for count in redis.hgetall(KEYS.campaign(SPRING)).values())


def test_campaigns_are_listed_by_app_the_newest_first_and_in_pages(
    door: Enqueuer, campaigns: Campaigns, redis: StoreRedis
) -> None:
    for place, (app, name) in enumerate([("shop", "spring"), ("shop", "summer"), ("bank", "spring")]):
        accepted(door, 1, name, app)
        redis.zadd(KEYS.campaigns, {f"{app}/{name}": FAR_AHEAD + place})
    assert campaigns.names() == ["bank/spring", "shop/summer", "shop/spring"]
    assert campaigns.names(app="shop") == ["shop/summer", "shop/spring"]
    assert campaigns.names(name="spring") == ["bank/spring", "shop/spring"]
    assert campaigns.names(skip=1, limit=1) == ["shop/summer"]
    assert [one.name for one in campaigns.progress(["shop/summer", "shop/nothing"])] == ["summer"]


def test_a_pause_is_a_state_and_what_waits_for_it_is_counted(store: Records, door: Enqueuer, campaigns: Campaigns) -> None:
    [message_id] = accepted(door, 1)
    assert campaigns.pause(SPRING) is Effect.DONE
    hold(store, message_id, f"campaign:{SPRING}")
    [progress] = campaigns.progress([SPRING])
    assert (progress.state, progress.held, progress.waiting) == (CampaignState.PAUSED, 1, 1)
    assert campaigns.resume(SPRING) is Effect.DONE
    assert campaigns.progress([SPRING])[0].state is CampaignState.RUNNING


def test_cancelling_ends_all_that_no_attempt_has_begun(
    store: Records, redis: StoreRedis, door: Enqueuer, campaigns: Campaigns, cancel: CampaignCancel
) -> None:
    ids = accepted(door, 1203)
    begin(store, ids[0])
    campaigns.pause(SPRING)
    hold(store, ids[1], f"campaign:{SPRING}")
    assert campaigns.cancel(SPRING) is Effect.DONE
    assert campaigns.progress([SPRING])[0].to_cancel
    pages = []
    while not (page := cancel.step(SPRING)).finished:
        pages.append((page.walked, page.cancelled))
    assert pages == [(100, 99), *((walked, 100) for walked in range(200, 1201, 100)), (1203, 3)]
    [progress] = campaigns.progress([SPRING])
    assert (progress.cancelled, progress.submitting, progress.waiting) == (1202, 1, 0)
    assert (progress.state, progress.to_cancel) == (CampaignState.CANCELLED, False)
    assert redis.exists(KEYS.held(f"campaign:{SPRING}"), KEYS.payload(ids[1])) == 0
    assert states(store, ids[1:]) == {State.CANCELLED}
    [last] = [reading for reading in store.read_many(ids[-1:]) if reading is not None]
    assert last.record.timeline[-1].rule == "campaign cancelled"


def test_the_page_of_one_that_was_killed_is_done_again(
    store: Records, redis: StoreRedis, door: Enqueuer, campaigns: Campaigns, cancel: CampaignCancel
) -> None:
    accepted(door, 150)
    campaigns.cancel(SPRING)
    assert cancel.step(SPRING).walked == 100
    other = CampaignCancel(redis, store)
    assert other.step(SPRING).busy
    work = redis.hget(KEYS.unfinished, f"campaign:{SPRING}")
    redis.hset(KEYS.unfinished, f"campaign:{SPRING}", str(work).replace('"till":', '"till":1,"was":'))  # its lease is over
    assert other.step(SPRING).walked == 100
    assert other.step(SPRING).cancelled == 50
    assert other.step(SPRING).finished
    assert campaigns.progress([SPRING])[0].cancelled == 150


def test_a_retry_that_a_pause_holds_goes_on_when_the_campaign_is_cancelled(
    store: Records, redis: StoreRedis, door: Enqueuer, campaigns: Campaigns, cancel: CampaignCancel
) -> None:
    retried, *_ = accepted(door, 3)
    begin(store, retried)
    answer(store, retried, 1, Answer(Kind.UNREACHABLE, "refused"))
    changed(store, retried, lambda reading: woken(reading.record, POLICY, reading.record.due or 0))
    campaigns.pause(SPRING)
    hold(store, retried, f"campaign:{SPRING}")
    campaigns.cancel(SPRING)
    while not cancel.step(SPRING).finished:
        pass
    assert Halts(redis).unfinished() == {f"campaign:{SPRING}": Unfinished.RELEASE}
    [progress] = campaigns.progress([SPRING])
    assert (progress.cancelled, progress.held, progress.to_cancel) == (2, 1, False)
    assert HeldMessages(redis).step(f"campaign:{SPRING}", 100.0) == 1
    [reading] = store.claim([retried])
    assert reading is not None
    assert reading.barred is None
    assert (reading.record.due or 0) <= reading.now
    assert Halts(redis).unfinished() == {}


def test_a_message_is_not_held_by_a_campaign_that_was_cancelled_meanwhile(
    store: Records, redis: StoreRedis, door: Enqueuer, campaigns: Campaigns
) -> None:
    [message_id] = accepted(door, 1)
    campaigns.cancel(SPRING)
    reading = store.read(message_id)
    assert reading is not None
    held = barred(reading.record, Barred(Bar.HALTED, f"campaign:{SPRING}"), reading.now, POLICY)
    assert held is not None
    assert store.apply(reading.record, held) is None
    assert redis.exists(KEYS.held(f"campaign:{SPRING}")) == 0


def test_no_page_is_left_out_when_the_answer_to_a_request_for_one_was_lost(
    store: Records,
    redis: StoreRedis,
    door: Enqueuer,
    campaigns: Campaigns,
    cancel: CampaignCancel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accepted(door, 1100)
    campaigns.cancel(SPRING)
    run = Script.run

    def run_again(script: Script, names: Sequence[str], args: Sequence[str | int | float]) -> object:
        run(script, names, args)
        return run(script, names, args)

    monkeypatch.setattr(Script, "run", run_again)
    while not cancel.step(SPRING).finished:
        pass
    assert campaigns.progress([SPRING])[0].cancelled == 1100


def test_a_cancelled_campaign_takes_no_further_message(door: Enqueuer, campaigns: Campaigns, redis: StoreRedis) -> None:
    accepted(door, 1)
    campaigns.cancel(SPRING)
    [refused] = list(door.enqueue_many([job(Lane.MARKETING, app="shop", campaign="spring")]))
    assert [problem.field for problem in getattr(refused, "problems", ())] == ["campaign"]
    assert campaigns.progress([SPRING])[0].accepted == 1
    assert len(Halts(redis).all()) == 1
