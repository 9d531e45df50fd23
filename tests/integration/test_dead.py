"""``smsrelay dead``, as an operator uses it, on a real store."""

import json
import subprocess
import sys

import pytest
from redis import Redis

from producers.enqueue import Enqueuer
from producers.lanes import Lane
from producers.record import State
from tests.integration.messages import RETENTION, SECRET, answer, begin, enqueuer, job
from worker.store import Store
from worker.vendor.answer import Answer, Kind


@pytest.fixture
def store(redis: Redis) -> Store:
    return Store(redis, RETENTION)


@pytest.fixture
def door(redis: Redis, valkey_url: str) -> Enqueuer:
    return enqueuer(redis, valkey_url)


def dead(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "SMSRELAY_BROKER_URL": url,
        "SMSRELAY_STORE_URL": url,
        "SMSRELAY_SECRET": SECRET.decode(),
        "SMSRELAY_APPCODE": "code",
    }
    command = [sys.executable, "-m", "worker", "dead", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def refused(store: Store, door: Enqueuer, lane: Lane = Lane.NOTICE, **fields: object) -> str:
    message_id = door.enqueue(job(lane, **fields)).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    return message_id


def state(store: Store, message_id: str) -> State:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record.state


def test_what_failed_is_listed_newest_first_and_filtered(store: Store, door: Enqueuer, valkey_url: str) -> None:
    first, second = refused(store, door), refused(store, door, Lane.OTP, app="shop")
    listed = [json.loads(line)["message_id"] for line in dead(valkey_url, "list", "--json").stdout.splitlines()]
    assert listed == [second, first]
    for arguments in (["--lane", "otp"], ["--app", "shop"]):
        [only] = dead(valkey_url, "list", "--json", *arguments).stdout.splitlines()
        assert json.loads(only)["message_id"] == second
    assert dead(valkey_url, "list", "--json", "--code", "504").stdout == ""
    assert "i005" in dead(valkey_url, "list").stdout


def test_a_dry_run_says_what_a_replay_would_do_and_does_nothing(store: Store, door: Enqueuer, valkey_url: str) -> None:
    message_id = refused(store, door)
    said = dead(valkey_url, "replay", "--all", "--dry-run")
    assert (said.returncode, said.stdout.split()) == (0, [message_id, "would", "be", "queued"])
    assert state(store, message_id) is State.FAILED


def test_a_replay_is_a_new_attempt_with_its_reason_in_the_timeline(
    store: Store, door: Enqueuer, redis: Redis, valkey_url: str
) -> None:
    message_id = refused(store, door)
    redis.delete(Lane.NOTICE.queue)
    assert dead(valkey_url, "replay", message_id).returncode == 0
    assert redis.llen(Lane.NOTICE.queue) == 1
    reading = store.read(message_id)
    assert reading is not None
    assert reading.record.timeline[-1].rule == "replay"
    begun = begin(store, message_id)
    assert begun is not None
    assert begun.transition is not None
    assert begun.transition.attempt == 2


def test_what_is_not_dead_or_has_expired_is_not_replayed(store: Store, door: Enqueuer, valkey_url: str) -> None:
    alive = door.enqueue(job()).message_id
    said = dead(valkey_url, "replay", alive)
    assert (said.returncode, "it is queued" in said.stdout) == (1, True)
    assert dead(valkey_url, "replay", "nobody").returncode == 1
    assert dead(valkey_url, "replay").returncode == 2


def test_a_job_nobody_could_read_is_kept_shown_and_read_again(store: Store, redis: Redis, valkey_url: str) -> None:
    body = {"to": "13800138000", "template": "0000000", "params": ["4711"], "lane": "otp"}
    store.keep_undecodable("sms.send", "lane: was wrong then", json.dumps(body))
    [kept] = store.undecodable()
    listed = dead(valkey_url, "list").stdout
    assert kept.kept_id in listed
    assert "13800138000" not in listed
    assert "13800138000" not in dead(valkey_url, "show", kept.kept_id).stdout
    assert "13800138000" in dead(valkey_url, "show", kept.kept_id, "--body").stdout
    assert dead(valkey_url, "replay", kept.kept_id).returncode == 0
    assert redis.llen(Lane.OTP.queue) == 1
    assert store.undecodable() == []
