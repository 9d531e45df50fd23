"""How long each lane has waited, what cannot be read, and whether the store takes writes: asked of a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.write_probe import why_unwritable
from smsrelay_worker.store.kept_counts import MANY, Kept, KeptCounts
from smsrelay_worker.store.oldest_waiting import OldestWaiting
from smsrelay_worker.store.undecodable import UndecodableTasks
from tests.integration.conftest import free_port
from tests.support import messages
from tests.support.store_keys import KEYS
from tests.support.valkey import running_valkey


def test_a_lane_has_waited_since_its_oldest_message_became_due(redis: StoreRedis, valkey_url: str) -> None:
    with messages.enqueuer(redis, valkey_url) as enqueuer:
        first, second = (enqueuer.enqueue(messages.job(lane=Lane.NOTICE)).message_id for _ in range(2))
    assert set(OldestWaiting(redis).lanes()) == {Lane.NOTICE}
    redis.hset(KEYS.message(first), "due", 1000)
    redis.hset(KEYS.message(second), "at", 2000)
    assert OldestWaiting(redis).lanes()[Lane.NOTICE].since == 1000
    redis.hset(KEYS.message(first), "state", "cancelled")
    assert OldestWaiting(redis).lanes()[Lane.NOTICE].since == 2000


def test_a_lane_stands_still_since_the_first_look_that_saw_the_place_taken_last(redis: StoreRedis, valkey_url: str) -> None:
    with messages.enqueuer(redis, valkey_url) as enqueuer:
        enqueuer.enqueue(messages.job(lane=Lane.OTP))
    redis.rpush(KEYS.marks(Lane.OTP), "3000 4 9", "2000 4 8", "1000 3 8")
    redis.set(KEYS.taken(Lane.OTP), 4)
    assert OldestWaiting(redis).lanes()[Lane.OTP].unmoved_since == 2000
    redis.set(KEYS.taken(Lane.OTP), 5)
    assert OldestWaiting(redis).lanes()[Lane.OTP].unmoved_since is None


def test_the_oldest_report_is_the_one_received_first(redis: StoreRedis) -> None:
    assert OldestWaiting(redis).report() is None
    first = StatusEvent(message_id="m1", attempt=1, code="200", received_at=5000)
    Inbox(redis).record([first, first.model_copy(update={"code": "503", "received_at": 4000})])
    assert OldestWaiting(redis).report() == 5000


def test_what_is_kept_is_counted_and_how_much_of_it_is_new(redis: StoreRedis) -> None:
    kept = UndecodableTasks(redis, messages.RETENTION)
    for _ in range(3):
        kept.keep("sms.send", "no number", "{}")
    old = json.loads(str(redis.lindex(KEYS.undecodable, 2))) | {"at": 1}
    redis.lset(KEYS.undecodable, 2, json.dumps(old))
    assert KeptCounts(redis).read() == Kept(jobs=3, jobs_lately=2)
    for _ in range(MANY):
        kept.keep("sms.send", "no number", "{}")
    assert KeptCounts(redis).read() == Kept(jobs=3 + MANY, jobs_lately=MANY)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[StoreRedis]:
    """A server of its own, whose memory is full."""
    with running_valkey(free_port(), tmp_path / "valkey") as url, open_store(StoreAddress(f"{url}/0")) as client:
        client.config_set("maxmemory", "1")
        yield client


def test_a_full_store_refuses_the_probe_which_changes_nothing_on_one_that_is_not(full: StoreRedis) -> None:
    reason = why_unwritable(full)
    assert reason is not None
    assert reason.startswith("OOM: ")
    full.config_set("maxmemory", "0")
    assert why_unwritable(full) is None
    assert full.dbsize() == 0


def test_a_store_that_does_not_answer_is_not_one_that_refuses(closed_port: int) -> None:
    with pytest.raises(StoreUnavailable):
        why_unwritable(open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0")))
