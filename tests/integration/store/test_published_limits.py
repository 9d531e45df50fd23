"""What workers publish of their limits, and what apps read of it."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from smsrelay.contract.send_window import SendWindow
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.send_windows import SendWindows
from smsrelay_worker.consumer.bootsteps import PublishLimitsStep
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.store.published_limits import PublishedLimits
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

PACKAGED = load_limits(None)


def windows_at(seconds: Iterator[float], redis: StoreRedis) -> SendWindows:
    return SendWindows(redis, lambda: next(seconds))


def test_apps_read_the_windows_that_workers_published(redis: StoreRedis) -> None:
    assert SendWindows(redis).read() == ()
    PublishedLimits(redis).publish(PACKAGED.published(0))
    assert SendWindows(redis).read() == PACKAGED.windows
    assert redis.hget(KEYS.limits, "countries") == " 86 "


def test_what_is_published_replaces_the_limits_before(redis: StoreRedis) -> None:
    published = PublishedLimits(redis)
    published.publish(PACKAGED.published(0))
    published.publish({"otp": "[]"})
    assert redis.hgetall(KEYS.limits) == {"otp": "[]"}
    published.publish({})
    assert not redis.exists(KEYS.limits)


def test_windows_are_read_again_after_a_minute(redis: StoreRedis) -> None:
    windows = windows_at(iter([0.0, 59.9, 60.0, 61.0]), redis)
    known: list[tuple[SendWindow, ...]] = []
    for _ in range(2):
        known.append(windows.read())
        PublishedLimits(redis).publish(PACKAGED.published(0))
    assert [*known, windows.read(), windows.read()] == [(), (), PACKAGED.windows, PACKAGED.windows]


def test_a_worker_publishes_its_limits_once_the_store_answers(redis: StoreRedis) -> None:
    class AwayOnce(PublishedLimits):
        calls = 0

        def publish(self, fields: object) -> None:
            self.calls += 1
            if self.calls == 1:
                raise StoreUnavailable("away")
            super().publish(fields)  # type: ignore[arg-type]

    published = AwayOnce(redis)
    relay = SimpleNamespace(published_limits=published, limits=Limits(countries=frozenset({"852"})))
    worker = SimpleNamespace(app=SimpleNamespace(relay=relay))
    step = PublishLimitsStep(worker)
    step.start(worker)
    try:
        eventually(lambda: redis.hget(KEYS.limits, "countries"), "the limits are published")
    finally:
        step.stop(worker)
    assert published.calls == 2


def test_a_store_that_is_away_is_said_so(closed_port: int) -> None:
    away = open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0"))
    with pytest.raises(StoreUnavailable):
        PublishedLimits(away).publish({})
    with pytest.raises(StoreUnavailable):
        SendWindows(away).read()
