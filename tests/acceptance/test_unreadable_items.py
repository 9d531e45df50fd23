"""What is no task at all, pushed straight onto the queues in Redis: kept for a person, and nobody beside it notices."""

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from smsrelay.broker.queues import QUEUES
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.consumer.queue_item import readable_item
from smsrelay_worker.local.stack import free_port
from tests.support.processes import TOGETHER, processes_of
from tests.support.relay_process import RelayProcess, a_recipient, running_relay
from tests.support.store_keys import KEYS
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

WORKER = TOGETHER


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("unreadable") / "relay") as running:
        eventually(lambda: _worker(running), "the worker is up")
        yield running


def test_items_of_every_shape_on_every_queue_are_kept_and_their_neighbours_are_delivered(own: RelayProcess) -> None:
    worker, shapes = _worker(own), _shapes()
    ids = []
    for shape in shapes.values():
        ids.append(own.send(a_recipient(), Lane.OTP))
        for queue in QUEUES:
            own.redis.lpush(queue, shape)
        ids.append(own.send(a_recipient(), Lane.NOTICE))
    for message_id in ids:
        own.wait_state(message_id, State.DELIVERED)
    expected = sorted((queue, name) for queue in QUEUES for name in shapes)
    eventually(lambda: own.redis.llen(KEYS.undecodable) == len(expected), "all are kept")
    kept = own.relay.undecodable.all()
    names = {shape: name for name, shape in shapes.items()}
    assert sorted((one.queue, names[one.content]) for one in kept) == expected
    assert all(one.reason.startswith("no envelope: ") for one in kept)
    assert _worker(own) == worker, "the worker did not live through it"
    assert len(own.simulator.submits()) == len(ids)
    eventually(lambda: own.redis.hlen("unacked") == 0, "none is still in hand")

    listed = own.cli("dead", "list").stdout
    assert all(one.kept_id in listed for one in kept[:50])


def test_an_item_whose_worker_died_with_it_in_hand_is_kept_once_the_broker_gives_it_back(own: RelayProcess) -> None:
    before, tag, body = _kept(own), "left-by-the-dead", "left by the dead"
    own.redis.hset("unacked", tag, json.dumps([json.loads(readable_item(body.encode(), "sms.otp")), "", "sms.otp"]))
    own.redis.zadd("unacked_index", {tag: 1})
    eventually(lambda: _kept(own) == before + 1, "it is kept")
    assert own.relay.undecodable.all()[0].body == body


def test_items_that_cannot_be_kept_go_back_to_their_queue_until_they_can(tmp_path: Path) -> None:
    """Broker and store are two servers, and the store is away."""
    port, folder = free_port(), tmp_path / "store"
    settings = {"SMSRELAY_STORE_URL": f"redis://127.0.0.1:{port}/0"}
    with ExitStack() as first:
        first.enter_context(running_valkey(port, folder))
        with running_relay(tmp_path / "relay", settings=settings) as relay:
            relay.wait_state(relay.send(a_recipient()), State.DELIVERED)
            worker = _worker(relay)
            first.close()
            with Redis.from_url(relay.environment["SMSRELAY_BROKER_URL"]) as broker:
                for shape in _shapes().values():
                    broker.lpush(Lane.OTP.queue, shape)
            eventually(lambda: "unreadable task requeued" in (relay.data / "worker.log").read_text("utf-8"), "one is requeued")
            with running_valkey(port, folder):
                eventually(lambda: _kept(relay) == len(_shapes()), "all are kept", 60)
                relay.wait_state(relay.send(a_recipient()), State.DELIVERED)
                assert _worker(relay) == worker, "the worker did not live through it"


def _kept(relay: RelayProcess) -> int:
    return len(relay.relay.undecodable.all())


def _worker(relay: RelayProcess) -> list[int]:
    return [pid for pid, command in processes_of(relay.data).items() if WORKER in command]


def _shapes() -> dict[str, Any]:
    whole: dict[str, Any] = {
        "body": base64.b64encode(b"[[], {}, {}]").decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"lang": "go", "task": "sms.send", "id": "1"},
        "properties": {
            "delivery_tag": "1",
            "delivery_info": {"exchange": "", "routing_key": "sms.otp"},
            "body_encoding": "base64",
        },
    }
    without_info = whole | {"properties": whole["properties"] | {"delivery_info": None}}
    with_true = whole | {"properties": whole["properties"] | {"delivery_tag": True}}
    return {
        "a tag that is true": json.dumps(with_true),
        **{f"{depth} deep": json.dumps(whole).replace('"lang": "go"', f'"x": {"[" * depth}{"]" * depth}') for depth in (90, 940)},
        "garbage": b"\xff\xfe\x00garbage",
        "an empty object": "{}",
        "a list": "[1]",
        "null": "null",
        "a text": '"13800138000"',
        "no delivery_info": json.dumps(without_info),
        "no properties": json.dumps({name: value for name, value in whole.items() if name != "properties"}),
        "no headers": json.dumps({name: value for name, value in whole.items() if name != "headers"}),
        "no base64": json.dumps(whole | {"body": "abc"}),
    }
