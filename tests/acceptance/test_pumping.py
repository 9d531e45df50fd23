"""A bot presses an app's button: what the fuse and the list of countries let through, and how it goes on."""

import json
import os
import re
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from prometheus_client import CollectorRegistry

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.rejection import Rejection
from smsrelay.contract.state import State
from smsrelay_worker.operations.metrics.collector import RelayCollector
from smsrelay_worker.operations.wiring import Operations
from tests.support.processes import pids
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_recipient, a_reference, running_relay, settings_of
from tests.support.second_worker import BACK, SECOND, second_worker
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

PER_DAY = 7
LIMITS = f"""
version = 1
countries = ["86", "852"]

[apps.travel]
countries = ["86", "852", "44"]

[[fuse]]
app = "*"
country = "852"
per_day = {PER_DAY}
zone = "Etc/UTC"
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A relay with two workers, and limits of its own."""
    folder: Path = tmp_path_factory.mktemp("pumping")
    limits = folder / "limits.toml"
    limits.write_text(LIMITS, encoding="utf-8")
    with (
        running_relay(folder / "relay", settings={"SMSRELAY_LIMITS": str(limits)}) as running,
        second_worker(running, "--together"),
    ):
        yield running


def hong_kong() -> str:
    return f"+85251{secrets.choice('1234678')}{secrets.randbelow(10**5):05d}"


def pressed(app: str, to: str, lane: Lane = Lane.NOTICE) -> SendJob:
    return SendJob(to=to, template=TEMPLATE, params=[a_code()], lane=lane, app=app, reference=a_reference())


def submitted(relay: RelayProcess, numbers: set[str]) -> int:
    return sum(submit.recipient in numbers for submit in relay.simulator.submits())


def logged(relay: RelayProcess, event: str) -> list[dict[str, Any]]:
    """The lines of this event, of both workers."""
    logs = "".join((relay.data / f"{name}.log").read_text("utf-8") for name in ("worker", "worker2"))
    return [json.loads(line) for line in logs.splitlines() if f'"event": "{event}"' in line]


def test_a_bot_is_stopped_at_the_fuse_while_everybody_else_goes_on(relay: RelayProcess) -> None:
    numbers = {hong_kong() for _ in range(40)}
    others = [pressed("shop", a_recipient()) for _ in range(10)] + [pressed("bank", hong_kong()) for _ in range(PER_DAY)]
    ids = [one.message_id for one in relay.relay.enqueuer.enqueue_all([pressed("shop", number) for number in numbers])]
    for one in relay.relay.enqueuer.enqueue_all(others):
        relay.wait_state(one.message_id, State.DELIVERED)

    def settled() -> bool:
        records = [relay.record(one) for one in ids]
        return all(one.state is State.DELIVERED or one.timeline[-1].rule == "fuse" for one in records)

    eventually(settled, "each is delivered or stopped")
    records = [relay.record(one) for one in ids]
    stopped = [one for one in records if one.state is State.QUEUED]
    assert (len(stopped), submitted(relay, numbers)) == (40 - PER_DAY, PER_DAY)
    assert {one.attempt for one in stopped} == {0}
    assert set(relay.redis.smembers(KEYS.held("country:shop/852"))) == {one.message_id for one in stopped}

    [line] = logged(relay, "fuse blown")
    assert (line["level"], line["app"], line["country"], line["most"]) == ("error", "shop", "852", PER_DAY)
    assert not [number for number in numbers if number.removeprefix("+") in json.dumps(line)]
    assert f"fuse: app shop has sent {PER_DAY} messages to +852 today" in relay.cli("status").stdout
    told = json.loads(relay.cli("status", "--json").stdout)
    assert [(one["app"], one["country"]) for one in told["fuses"]] == [("shop", "852")]
    registry = CollectorRegistry()
    registry.register(RelayCollector(Operations.wire(settings_of(relay.environment))))
    assert registry.get_sample_value("smsrelay_fuse_blown", {"app": "shop", "country": "852"}) == 1
    found = json.loads(relay.cli("doctor", "--json").stdout)["findings"]
    assert [one["severity"] for one in found if one["check"] == "fuse"] == ["error"]
    why = relay.cli("why", stopped[0].message_id).stdout
    assert "its app has sent as many messages to this country today as its fuse allows" in why
    assert ", or until country:shop/852 is resumed" in why
    assert relay.cli("waiting", "--app", "shop").stdout.count("fuse: country +852 of app shop") == len(stopped)

    late = hong_kong()  # stopped when it is claimed
    message_id = relay.relay.enqueuer.enqueue(pressed("shop", late)).message_id
    relay.wait(message_id, lambda record: record.timeline[-1].rule == "fuse", "stopped at once")

    assert relay.cli("resume", "--country", "852", "--app", "shop").returncode == 0
    numbers.add(late)
    eventually(lambda: submitted(relay, numbers) == 2 * PER_DAY, "as many again are sent")
    eventually(lambda: len(logged(relay, "fuse blown")) == 2, "and it blows again")
    assert submitted(relay, numbers) == 2 * PER_DAY


def test_a_code_that_the_fuse_stops_expires_and_says_why(relay: RelayProcess) -> None:
    eventually(lambda: relay.redis.hget(KEYS.halts, "country:shop/852"), "the fuse has blown")
    job = pressed("shop", hong_kong(), Lane.OTP).model_copy(update={"expires_in": 2})
    record = relay.wait_final(relay.relay.enqueuer.enqueue(job).message_id)
    assert (record.state, record.attempt) == (State.EXPIRED, 0)
    assert [line.rule for line in record.timeline][-2:] == ["fuse", "expired"]


def test_a_country_that_is_not_allowed_is_refused_at_the_door_unless_the_app_may(relay: RelayProcess) -> None:
    london = "+447400123456"
    with pytest.raises(Rejection) as refused:
        relay.relay.enqueuer.enqueue(pressed("shop", london))
    [problem] = refused.value.problems
    assert (problem.field, problem.code) == ("to", "country")
    assert "7400123456" not in str(refused.value)
    job = ["--to", london, "--template", TEMPLATE, "--param", a_code(), "--lane", "notice"]
    assert "to: is in a country (+44)" in relay.cli("send", *job).stderr
    relay.wait_state(relay.relay.enqueuer.enqueue(pressed("travel", london)).message_id, State.DELIVERED)


def test_a_foreign_job_to_such_a_country_is_kept_with_the_reason(relay: RelayProcess) -> None:
    number = "+447400654321"
    with Connection(relay.environment["SMSRELAY_BROKER_URL"]) as broker, broker.Producer(serializer="json") as producer:
        body = [[pressed("shop", number).encode()], {}, {}]
        producer.publish(body, routing_key="sms.notice", headers={"task": "sms.send", "id": a_reference()})
    kept = eventually(lambda: [json.loads(one) for one in relay.redis.lrange(KEYS.undecodable, 0, -1)], "it is kept")
    assert re.match(r"to: is in a country \(\+44\)", kept[0]["reason"])
    assert number not in kept[0]["reason"]
    assert relay.simulator.submits(number) == []


def test_a_message_that_was_accepted_before_the_list_was_shorter_fails_without_an_attempt(relay: RelayProcess) -> None:
    number = "+447400777777"
    published = relay.redis.hget(KEYS.limits, "countries")
    relay.redis.hset(KEYS.limits, "countries", " 44 86 852 ")
    message_id = relay.relay.enqueuer.enqueue(pressed("shop", number)).message_id
    relay.redis.hset(KEYS.limits, "countries", published or "")
    record = relay.wait_final(message_id)
    assert (record.state, record.attempt, record.timeline[-1].rule) == (State.FAILED, 0, "country not allowed")
    assert relay.simulator.submits(number) == []


def test_a_worker_that_is_killed_on_the_way_lets_no_more_through(relay: RelayProcess) -> None:
    numbers = {hong_kong() for _ in range(60)}
    relay.simulator.latency(0.3)
    ids = [one.message_id for one in relay.relay.enqueuer.enqueue_all([pressed("kiosk", number) for number in numbers])]
    eventually(lambda: submitted(relay, numbers), "some are on their way")
    for pid in pids(relay.data, SECOND):
        os.kill(pid, signal.SIGKILL)
    relay.simulator.latency(0)

    def settled() -> bool:
        records = [relay.record(one) for one in ids]
        return all(one.held or one.state not in {State.QUEUED, State.SUBMITTING} for one in records)

    eventually(settled, "each was attempted or is stopped", BACK)
    records = [relay.record(one) for one in ids]
    assert sum(one.attempt > 0 for one in records) == PER_DAY
    assert submitted(relay, numbers) <= PER_DAY
