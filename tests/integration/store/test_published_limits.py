"""What workers publish of their limits, and what apps read of it."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from redis import Redis

from smsrelay.contract.send_window import SendWindow
from smsrelay.store import keys
from smsrelay.store.connection import StoreUnavailable, open_store
from smsrelay.store.send_windows import SendWindows
from smsrelay_worker.consumer.bootsteps import PublishLimitsStep
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.limits.toml_file import load_limits
from smsrelay_worker.store.published_limits import PublishedLimits
from tests.support.waiting import eventually

PACKAGED = load_limits(None)


def windows_at(seconds: Iterator[float], redis: Redis) -> SendWindows:
    return SendWindows(redis, lambda: next(seconds))


def test_apps_read_the_windows_that_workers_published(redis: Redis) -> None:
    assert SendWindows(redis).read() == ()
    PublishedLimits(redis).publish(PACKAGED.published(0))
    assert SendWindows(redis).read() == PACKAGED.windows
    assert redis.hget(keys.LIMITS, "countries") == " 86 "


def test_what_is_published_replaces_the_limits_before(redis: Redis) -> None:
    published = PublishedLimits(redis)
    published.publish(PACKAGED.published(0))
    published.publish({"otp": "[]"})
    assert redis.hgetall(keys.LIMITS) == {"otp": "[]"}
    published.publish({})
    assert not redis.exists(keys.LIMITS)


def test_windows_are_read_again_after_a_minute(redis: Redis) -> None:
    windows = windows_at(iter([0.0, 59.9, 60.0, 61.0]), redis)
    known: list[tuple[SendWindow, ...]] = []
    for _ in range(2):
        known.append(windows.read())
        PublishedLimits(redis).publish(PACKAGED.published(0))
    assert [*known, windows.read(), windows.read()] == [(), (), PACKAGED.windows, PACKAGED.windows]


def test_a_worker_publishes_its_limits_once_the_store_answers(redis: Redis) -> None:
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
        eventually(lambda: redis.hget(keys.LIMITS, "countries"), "the limits are published")
    finally:
        step.stop(worker)
    assert published.calls == 2


def test_a_store_that_is_away_is_said_so(closed_port: int) -> None:
    away = open_store(f"redis://127.0.0.1:{closed_port}/0")
    with pytest.raises(StoreUnavailable):
        PublishedLimits(away).publish({})
    with pytest.raises(StoreUnavailable):
        SendWindows(away).read()
