"""Remote control: whatever somebody publishes for the workers, they answer queries, refuse everything else, and go on."""

from collections.abc import Iterator

import pytest
from celery import Celery

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.processes import TOGETHER, pids
from tests.support.relay_process import RelayProcess, a_recipient
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually


@pytest.fixture
def anybody(relay: RelayProcess) -> Iterator[Celery]:
    """A client of the broker. A worker logs that it is ready a moment before it listens."""
    with Celery(broker=relay.environment["SMSRELAY_BROKER_URL"]) as app:
        eventually(lambda: app.control.ping(timeout=1.0, limit=1), "the worker answers")
        yield app


@pytest.mark.parametrize(
    "command", ["cancel_consumer", "rate_limit", "shutdown", "pool_shrink", "revoke", "time_limit", "disable_events"]
)
def test_a_remote_command_changes_nothing(relay: RelayProcess, anybody: Celery, command: str) -> None:
    arguments = {
        "cancel_consumer": {"queue": "sms.otp"},
        "rate_limit": {"task_name": "sms.send", "rate_limit": "1/h"},
        "pool_shrink": {"n": 60},
        "revoke": {"task_id": "7"},
        "time_limit": {"task_name": "sms.send", "hard": 0.001},
    }
    workers = pids(relay.data, TOGETHER)
    anybody.control.broadcast(command, arguments=arguments.get(command, {}))
    _it_answers_and_delivers(relay, anybody)
    assert f'"command": "{command}"' in (relay.data / "worker.log").read_text("utf-8")
    assert pids(relay.data, TOGETHER) == workers


@pytest.mark.parametrize(
    "published",
    [
        b"\xff\xfe",
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"properties": []}',
        b'{"headers": {}, "properties": {"body_encoding": "rot13", "delivery_tag": "1", "delivery_info": {}}}',
        b'{"body": "{", "headers": {}, "properties": {"delivery_tag": "1", "delivery_info": {}}, "content-type": "text/x"}',
    ],
    ids=[
        "no text",
        "deeply nested",
        "null",
        "a list",
        "properties that are none",
        "a strange encoding",
        "a body of a strange type",
    ],
)
def test_an_unreadable_message_is_dropped_and_the_worker_goes_on(relay: RelayProcess, anybody: Celery, published: bytes) -> None:
    workers, kept = pids(relay.data, TOGETHER), relay.redis.llen(KEYS.undecodable)
    assert relay.redis.publish("/0.celery.pidbox", published) > 0
    _it_answers_and_delivers(relay, anybody)
    assert (pids(relay.data, TOGETHER), relay.redis.llen(KEYS.undecodable)) == (workers, kept)


def test_a_regular_expression_that_takes_hours_to_match_blocks_nothing(relay: RelayProcess, anybody: Celery) -> None:
    endless = "(" * 12 + ".+" + ")+" * 12 + "!"
    anybody.control.broadcast("ping", pattern=endless, matcher="pcre")
    assert len(anybody.control.broadcast("ping", pattern="*", matcher="glob", reply=True, timeout=10.0, limit=1)) == 1
    _it_answers_and_delivers(relay, anybody)


def _it_answers_and_delivers(relay: RelayProcess, anybody: Celery) -> None:
    assert len(anybody.control.ping(timeout=10.0, limit=1)) == 1
    relay.wait_state(relay.send(a_recipient(), Lane.OTP), State.DELIVERED)
