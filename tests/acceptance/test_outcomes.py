"""Outcomes, told by a real worker to a real webhook: whole, once, in order of revision, and again where they may be missed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from tests.support.relay_process import RelayProcess, running_relay
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, app_with_webhook, webhook_receiver

SHOP = "/shop"


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, receiver: WebhookReceiver) -> Iterator[RelayProcess]:
    folder: Path = tmp_path_factory.mktemp("outcomes")
    apps = folder / "apps.toml"
    apps.write_text(
        app_with_webhook("shop", receiver.url + SHOP)
        + app_with_webhook("all", receiver.url + "/all", 'events = ["submitted", "retrying", "delivered", "failed"]')
        + app_with_webhook("gone", receiver.url + "/gone")
    )
    with running_relay(folder / "relay", settings={"SMSRELAY_APPS": str(apps)}) as running:
        yield running


def test_a_delivery_is_told_once_and_signed(relay: RelayProcess, receiver: WebhookReceiver) -> None:
    _, message_id = relay.scripted({"submits": [{"reports": [{"code": 200}]}]}, app="shop", tags={"flow": "login"})
    [told] = eventually(lambda: receiver.of(message_id), "the shop hears of it")
    record = relay.wait_final(message_id)
    assert (told.path, told.event["type"], told.revision) == (SHOP, "message.delivered", record.revision)
    assert told.webhook_id == f"msg_{message_id}_{record.revision}"
    assert told.event["data"]["tags"] == {"flow": "login"}
    assert receiver.refused == []


def test_an_app_without_a_sink_is_told_nothing(relay: RelayProcess) -> None:
    _, message_id = relay.scripted({"submits": [{"reports": [{"code": 200}]}]}, app="nobody", lane=Lane.OTP)
    relay.wait_final(message_id)
    assert relay.redis.keys("sms:outcomes:nobody*") == []
