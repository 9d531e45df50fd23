"""What an event loop promises counts only once enough replicas have it, as with the blocking calls."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from smsrelay import AsyncEnqueuer, ProducerSettings, SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreUnavailable
from tests.support.commands import spent
from tests.support.replicated_valkey import Replicated

Call = Callable[[AsyncEnqueuer, str], Awaitable[object]]


def job(reference: str) -> SendJob:
    return SendJob(to="13800138000", template="0000000", params=("1",), lane=Lane.NOTICE, reference=reference, campaign="spring")


async def _many(enqueuer: AsyncEnqueuer) -> None:
    async for _ in enqueuer.enqueue_many([job(f"many {number}") for number in range(120)]):
        pass


CALLS: dict[str, Call] = {
    "enqueue": lambda enqueuer, _: enqueuer.enqueue(job("one")),
    "enqueue many": lambda enqueuer, _: _many(enqueuer),
    "enqueue all": lambda enqueuer, _: enqueuer.enqueue_all([job("all")]),
    "cancel": lambda enqueuer, message_id: enqueuer.cancel(message_id),
    "suppress": lambda enqueuer, _: enqueuer.suppress("13800138000"),
    "unsuppress": lambda enqueuer, _: enqueuer.unsuppress("13800138000"),
    "pause a campaign": lambda enqueuer, _: enqueuer.campaign("default", "spring").pause(),
    "cancel a campaign": lambda enqueuer, _: enqueuer.campaign("default", "spring").cancel(),
}


def connected(replicated: Replicated, replicas: int = 1, wait: float = 10.0) -> AsyncEnqueuer:
    url = replicated.primary.url
    settings = ProducerSettings(
        _env_file=None,
        number_keys="0123456789abcdef",
        store_url=url,
        broker_url=url,
        store_replicas=replicas,
        enqueue_timeout=60,
    )
    return AsyncEnqueuer.connect(settings.replaced(store_wait=wait))  # longer than a setting may be, for a busy machine


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_is_refused_without_replicas_however_often_and_answered_once_they_are_back(
    replicated: Replicated, call: Call
) -> None:
    async def play() -> None:
        async with connected(replicated) as enqueuer, connected(replicated, wait=0.1) as hasty:
            message_id = (await enqueuer.enqueue(job("before"))).message_id
            replicated.freeze()
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match=r"^kept by 0 of 1 replicas in time$"):
                    await call(hasty, message_id)
            replicated.thaw()
            await call(enqueuer, message_id)

    asyncio.run(play())


@pytest.mark.parametrize("replicas", [0, 1])
def test_calls_that_run_together_wait_together(replicated: Replicated, replicas: int) -> None:
    async def play() -> None:
        async with connected(replicated, replicas) as enqueuer:
            await enqueuer.enqueue(job("first"))
            await asyncio.gather(*(enqueuer.enqueue(job(f"r{number}")) for number in range(50)))

    with replicated.primary.client() as client:
        cost = spent(client, lambda: asyncio.run(play()))
    assert cost["wait"] <= 3 * replicas
