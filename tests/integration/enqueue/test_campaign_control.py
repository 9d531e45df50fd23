"""What an app does with its campaign, blocking and on an event loop, on a real store."""

import asyncio
from collections.abc import Iterator

import pytest

from smsrelay import AsyncEnqueuer, CampaignCancelled, CampaignState, Enqueuer, Lane, ProducerSettings
from tests.support.messages import NUMBER_KEY, job


@pytest.fixture
def settings(valkey_url: str) -> ProducerSettings:
    return ProducerSettings(store_url=valkey_url, broker_url=valkey_url, number_keys=NUMBER_KEY)


@pytest.fixture
def enqueuer(settings: ProducerSettings) -> Iterator[Enqueuer]:
    with Enqueuer.connect(settings) as connected:
        connected.enqueue_all(job(Lane.MARKETING, app="shop", campaign="spring") for _ in range(3))
        yield connected


def test_a_campaign_is_watched_paused_resumed_and_cancelled(enqueuer: Enqueuer) -> None:
    spring = enqueuer.campaign("shop", "spring")
    states = [told.state for told in (spring.progress(), spring.pause(), spring.resume(), spring.cancel()) if told is not None]
    running, paused, cancelled = CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.CANCELLED
    assert states == [running, paused, running, cancelled]
    with pytest.raises(CampaignCancelled):
        spring.resume()
    assert enqueuer.campaign("shop", "summer").pause() is None


def test_the_same_on_an_event_loop(enqueuer: Enqueuer, settings: ProducerSettings) -> None:
    async def controlled() -> None:
        async with AsyncEnqueuer.connect(settings) as connected:
            spring = connected.campaign("shop", "spring")
            paused = await spring.pause()
            assert paused is not None
            assert (paused.state, paused.accepted, paused.waiting) == (CampaignState.PAUSED, 3, 3)
            resumed, cancelled = await spring.resume(), await spring.cancel()
            assert resumed is not None
            assert cancelled is not None
            assert (resumed.state, cancelled.state, cancelled.to_cancel) == (CampaignState.RUNNING, CampaignState.CANCELLED, True)
            with pytest.raises(CampaignCancelled):
                await spring.pause()
            assert await connected.campaign("shop", "summer").progress() is None

    asyncio.run(controlled())
