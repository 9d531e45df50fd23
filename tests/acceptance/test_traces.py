"""One message's story as a collector gets it from real processes, and what a collector that hangs costs: spans, no message."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.contract.state import State
from tests.support.otlp_collector import Collected, Collector, otlp_collector
from tests.support.processes import PARENT, pids
from tests.support.relay_process import RelayProcess, running_relay
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, app_with_webhook, webhook_receiver

RETRIED = {"submits": [{"reports": [{"code": 503}]}, {"reports": [{"code": 200}]}]}
DELIVERED = {"submits": [{"reports": [{"code": 200}]}]}
ENDED = 40.0  # seconds: what a stop takes, and closing traces, and a margin
CODE = "739154"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with otlp_collector() as running:
        yield running


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as running:
        yield running


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, collector: Collector, receiver: WebhookReceiver) -> Iterator[RelayProcess]:
    folder: Path = tmp_path_factory.mktemp("traces")
    apps = folder / "apps.toml"
    apps.write_text(app_with_webhook("shop", receiver.url), "utf-8")
    settings = {
        "SMSRELAY_TRACES": collector.url,
        "SMSRELAY_APPS": str(apps),
        "OTEL_SERVICE_NAME": "sms-workers",
        "OTEL_BSP_SCHEDULE_DELAY": "3600000",  # ms: workers export nothing before they stop
    }
    with running_relay(folder / "relay", settings=settings, together=False) as running:
        yield running


def test_a_message_with_two_attempts_is_one_story_of_linked_spans(
    relay: RelayProcess, collector: Collector, receiver: WebhookReceiver
) -> None:
    to, message_id = relay.scripted(RETRIED, app="shop", reference="a reference", params=[CODE])
    relay.wait_state(message_id, State.DELIVERED)
    eventually(lambda: receiver.of(message_id), "the app hears of it")
    assert relay.relay.traces is not None
    relay.relay.traces.close()  # of this process, which enqueued it
    stop_workers(relay)
    spans = collector.of(message_id)
    assert sorted(one.name for one in spans) == [
        "attempt sms.otp",
        "attempt sms.otp",
        "deliver shop.webhook",
        "enqueue sms.otp",
        "report sms.status",
        "report sms.status",
        "submit yisha",
        "submit yisha",
    ]
    [enqueue] = named(spans, "enqueue sms.otp")
    assert (enqueue.kind, enqueue.links, enqueue.parent) == ("producer", [], None)
    assert {one.service for one in spans if one is not enqueue} == {"sms-workers"}
    assert all(one.links == [enqueue.place] for one in spans if one is not enqueue)
    attempts, submits = named(spans, "attempt sms.otp"), named(spans, "submit yisha")
    assert [one.attributes["smsrelay.attempt"] for one in attempts] == [1, 2]
    assert [one.parent for one in submits] == [one.place for one in attempts]
    codes = [one.attributes["smsrelay.vendor.code"] for one in named(spans, "report sms.status")]
    assert codes == ["503", "200"]
    sent = b"".join(collector.bodies)
    for secret in (to[3:], CODE, "a reference", receiver.url, relay.environment["SMSRELAY_CALLBACK_KEYS"]):
        assert secret.encode() not in sent


def test_a_collector_that_hangs_delays_no_message_and_no_stop(relay: RelayProcess, collector: Collector) -> None:
    collector.hold()
    asked = collector.requests
    message_ids = [relay.scripted(DELIVERED, app="shop")[1] for _ in range(5)]
    for message_id in message_ids:
        relay.wait_state(message_id, State.DELIVERED)
    stop_workers(relay)
    assert collector.requests > asked, "they tried to export"
    collector.release()
    message_id = relay.scripted(DELIVERED, app="shop")[1]
    relay.wait_state(message_id, State.DELIVERED)


def test_a_collector_that_is_away_is_one_line_of_the_log_and_costs_no_message(relay: RelayProcess, collector: Collector) -> None:
    collector.status = 400
    message_id = relay.scripted(DELIVERED, app="shop")[1]
    relay.wait_state(message_id, State.DELIVERED)
    stop_workers(relay)
    collector.status = 200
    lines = [json.loads(line) for line in (relay.data / "worker.log").read_text("utf-8").splitlines() if line.startswith("{")]
    told = [line["event"] for line in lines if line.get("logger") == "smsrelay.traces.exporter"]
    assert told
    assert all(event.startswith("traces not exported") for event in told)
    assert collector.url not in (relay.data / "worker.log").read_text("utf-8")


def stop_workers(relay: RelayProcess) -> None:
    """Stop the worker, and wait until all of its processes have ended and the supervisor has started it again.

    One that the supervisor stops in the instant in which it starts it never hears of that.
    """
    [parent] = pids(relay.data, PARENT)
    before = pids(relay.data, "--name worker")
    os.kill(parent, signal.SIGTERM)
    eventually(lambda: not set(before) & set(pids(relay.data, "--name worker")), "its processes have ended", ENDED)
    eventually(lambda: len(pids(relay.data, "--name worker")) == len(before), "it is started again", ENDED)


def named(spans: list[Collected], name: str) -> list[Collected]:
    return [one for one in spans if one.name == name]
