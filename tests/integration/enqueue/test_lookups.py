"""What an app asks about its messages, and cancels, from threads and from an event loop: the same answers."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from smsrelay import AsyncEnqueuer, Enqueuer, ProducerSettings, Rejection, SendJob, State, StoreUnavailable, TooLate
from smsrelay.contract.lanes import Lane
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.records import Records
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import RETENTION, answer, begin
from tests.support.store_keys import KEYS

Ask = Callable[..., Any]
UNKNOWN = "00000000-0000-4000-8000-000000000000"
TO = "13912345678"


def settings(url: str, **given: Any) -> ProducerSettings:
    return ProducerSettings(_env_file=None, store_url=url, broker_url=url, number_keys="0123456789abcdef", **given)


def job(**changes: Any) -> SendJob:
    return SendJob(**{"to": TO, "template": "0000000", "lane": "otp", "params": ["394021"], "reference": "login-1"} | changes)


def blocking(url: str) -> Ask:
    def ask(name: str, *args: object, **options: object) -> Any:
        with Enqueuer.connect(settings(url)) as enqueuer:
            return getattr(enqueuer, name)(*args, **options)

    return ask


def on_a_loop(url: str) -> Ask:
    def ask(name: str, *args: object, **options: object) -> Any:
        async def asked() -> Any:
            async with AsyncEnqueuer.connect(settings(url)) as enqueuer:
                return await getattr(enqueuer, name)(*args, **options)

        return asyncio.run(asked())

    return ask


@pytest.fixture(params=[blocking, on_a_loop], ids=["blocking", "asyncio"])
def ask(request: pytest.FixtureRequest, valkey_url: str) -> Ask:
    made: Ask = request.param(valkey_url)
    return made


@pytest.fixture
def store(valkey_url: str) -> Iterator[Records]:
    """The records by a client as workers have it, which the oldest redis-py needs."""
    with open_store(StoreAddress(valkey_url)) as client:
        yield Records(client, RETENTION)


@pytest.fixture
def message_id(ask: Ask) -> str:
    accepted: str = ask("enqueue", job(tags={"campaign": "spring"})).message_id
    return accepted


def test_the_status_of_a_message_is_what_its_job_said_and_where_it_is(ask: Ask, message_id: str) -> None:
    status = ask("status", message_id)
    assert (status.id, status.app, status.reference, status.lane) == (message_id, "default", "login-1", Lane.OTP)
    assert (status.template, status.state, status.code, status.attempts) == ("0000000", State.QUEUED, "", 0)
    assert (status.expires_at - status.created_at).total_seconds() == pytest.approx(300, abs=5)
    assert (status.revision, dict(status.tags), status.test) == (1, {"campaign": "spring"}, False)


def test_a_status_shows_neither_number_nor_parameters_nor_reference(ask: Ask, message_id: str) -> None:
    shown = repr(ask("status", message_id))
    assert not [one for one in (TO, "394021", "login-1", "spring") if one in shown]


def test_a_status_follows_the_message(ask: Ask, message_id: str, store: Records) -> None:
    begin(store, message_id)
    assert ask("status", message_id).state is State.SUBMITTING
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    status = ask("status", message_id)
    assert (status.state, status.code, status.attempts, status.revision) == (State.FAILED, "i005", 1, 3)


def test_a_message_is_found_by_app_and_reference(ask: Ask, message_id: str) -> None:
    assert ask("find", "default", "login-1").id == message_id
    assert ask("find", "default", "login-2") is None
    assert ask("find", "shop", "login-1") is None


def test_a_test_message_is_found_as_a_test_and_never_stands_in_for_the_live_one(ask: Ask, message_id: str) -> None:
    assert ask("find", "default", "login-1", test=True) is None
    accepted = ask("enqueue", job(), test=True)
    found = ask("find", "default", "login-1", test=True)
    assert (found.id, found.test) == (accepted.message_id, True)
    assert found.id != message_id
    assert ask("find", "default", "login-1").id == message_id


def test_the_messages_to_a_number_are_found_newest_first_and_by_app(ask: Ask, message_id: str) -> None:
    ids = [message_id, *(ask("enqueue", job(app=app, reference="r", campaign="spring")).message_id for app in ("shop", "bank"))]
    ask("enqueue", job(to="13912345679", reference="another"))
    found = ask("messages_to", "+86 139-1234-5678")
    assert [status.id for status in found] == ids[::-1]
    assert found[0] == ask("status", ids[2])
    assert [(status.app, status.campaign) for status in ask("messages_to", TO, app="shop")] == [("shop", "spring")]
    assert ask("messages_to", TO, app="nobody") == ask("messages_to", "13912345670") == []


def test_a_number_that_is_none_is_refused_without_its_text(ask: Ask) -> None:
    with pytest.raises(Rejection, match="number: not a phone number") as refused:
        ask("messages_to", "1391234567x")
    assert "1391234567" not in str(refused.value)


@pytest.mark.parametrize("call", ["status", "cancel"])
def test_an_unknown_id_is_none(ask: Ask, call: str) -> None:
    assert ask(call, UNKNOWN) is None


def test_a_queued_message_is_cancelled_once_and_says_so_again(ask: Ask, message_id: str, redis: StoreRedis) -> None:
    first = ask("cancel", message_id)
    assert (first.state, first.revision) == (State.CANCELLED, 2)
    assert ask("cancel", message_id) == first == ask("status", message_id)
    assert redis.exists(KEYS.payload(message_id)) == 0


def test_a_cancelled_message_is_kept_for_the_retention_that_the_app_is_set_to(valkey_url: str, redis: StoreRedis) -> None:
    with Enqueuer.connect(settings(valkey_url, retention_hours=1)) as enqueuer:
        enqueuer.cancel(enqueuer.enqueue(job()).message_id)
    [record] = list(redis.scan_iter("{sms}:m:*"))
    assert 0 < redis.ttl(record) <= 3600


def test_a_cancel_is_told_to_the_sink_of_the_app(ask: Ask, message_id: str, redis: StoreRedis, store: Records) -> None:
    redis.hset(KEYS.sinks, "default", '{"cancelled":"webhook"}')  # as a worker publishes it
    ask("cancel", message_id)
    ask("cancel", message_id)
    [told] = redis.zrange(KEYS.outcomes("default.webhook"), 0, -1)
    assert str(told).startswith(f"{message_id}|2|")
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.outcome is not None


def test_it_is_too_late_to_cancel_what_was_begun_or_is_final(ask: Ask, message_id: str, store: Records) -> None:
    begin(store, message_id)
    with pytest.raises(TooLate, match="submitting") as begun:
        ask("cancel", message_id)
    assert begun.value.status.state is State.SUBMITTING
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    with pytest.raises(TooLate, match="failed"):
        ask("cancel", message_id)


def test_a_message_is_either_cancelled_or_begun_never_both(valkey_url: str, store: Records) -> None:
    with Enqueuer.connect(settings(valkey_url)) as enqueuer, ThreadPoolExecutor(2) as threads:
        for number in range(50):
            message_id = enqueuer.enqueue(job(reference=f"r{number}")).message_id
            begun, cancelled = threads.submit(begin, store, message_id), threads.submit(_cancelled, enqueuer, message_id)
            change = begun.result()
            assert change is not None
            assert (change.applied is not None) != cancelled.result()


def test_a_store_that_is_away_is_unavailable(closed_port: int) -> None:
    for way in (blocking, on_a_loop):
        ask = way(f"redis://127.0.0.1:{closed_port}/0")
        for call in ("status", "cancel"):
            with pytest.raises(StoreUnavailable):
                ask(call, UNKNOWN)
        with pytest.raises(StoreUnavailable):
            ask("find", "default", "r")
        with pytest.raises(StoreUnavailable):
            ask("messages_to", TO)


def _cancelled(enqueuer: Enqueuer, message_id: str) -> bool:
    try:
        return enqueuer.cancel(message_id) is not None
    except TooLate:
        return False
