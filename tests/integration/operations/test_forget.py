"""``smsrelay forget`` on a real store, as an operator uses it: what it deletes, what it leaves, and what it says."""

import json
import subprocess
from collections.abc import Iterator

import pytest

from smsrelay.broker.publisher import Publisher
from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.job import SendJob
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.payload_cipher import PayloadCipher
from smsrelay.contract.unreadable_callback import UnreadableCallback
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.cancel import cancelled
from smsrelay.store.connection import StoreRedis
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Records
from smsrelay.store.suppressions import Suppressions
from smsrelay.store.unreadable_callbacks import UnreadableCallbacks
from smsrelay_worker.store.undecodable import UndecodableTasks
from tests.support.forked_command import run_command
from tests.support.messages import NUMBER_KEY, NUMBER_KEYS, RETENTION, changed
from tests.support.store_keys import KEYS

KEY, OTHER_KEY = "a key that payloads are encrypted with", "another key of payloads"
CIPHER, OTHER_CIPHER = PayloadCipher(KeyRing(KEY.encode())), PayloadCipher(KeyRing(OTHER_KEY.encode()))
NUMBER, OTHER = "+8613912345678", "+8613912345679"


def command(url: str, *arguments: str, stdin: str = "", payload_keys: str = KEY) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "SMSRELAY_BROKER_URL": url,
        "SMSRELAY_STORE_URL": url,
        "SMSRELAY_NUMBER_KEYS": NUMBER_KEY,
        "SMSRELAY_PAYLOAD_KEYS": payload_keys,
    }
    return run_command(arguments, environment, given=stdin.encode())


@pytest.fixture
def sealing(redis: StoreRedis, valkey_url: str) -> Iterator[Enqueuer]:
    outbox, numbers = Outbox(redis, NUMBER_KEYS, cipher=CIPHER), NumberIndex(redis, NUMBER_KEYS)
    with Enqueuer(outbox, Publisher(valkey_url), {}, Records(redis, RETENTION), numbers=numbers) as enqueuer:
        yield enqueuer


def sent(door: Enqueuer, to: str = NUMBER) -> str:
    return door.enqueue(SendJob(to=to, template="0000000", params=("1234",), lane=Lane.NOTICE)).message_id


def keep(redis: StoreRedis, to: str, cipher: PayloadCipher = CIPHER) -> str:
    body = json.dumps([[{"to": to.removeprefix("+86"), "lane": "pigeon"}], {}, {}])
    return UndecodableTasks(redis, RETENTION, cipher).keep("sms.send", "lane: unknown", body)


def keep_callback(redis: StoreRedis, to: str) -> UnreadableCallback:
    body = f"result=DELIVRD&mobile=%2B{to[1:]}".encode()
    callback = UnreadableCallback(CallbackToken("m1", 1), 1_700_000_000_000, "no object", body, "text/plain")
    UnreadableCallbacks(redis, CIPHER).keep([callback])
    return callback


def test_everything_is_said_that_was_deleted_and_that_is_left(
    sealing: Enqueuer, store: Records, redis: StoreRedis, valkey_url: str
) -> None:
    final, waiting, of_another = sent(sealing), sent(sealing), sent(sealing, OTHER)
    changed(store, final, lambda reading: cancelled(reading.record))
    kept, kept_of_another = keep(redis, NUMBER), keep(redis, OTHER)
    keep_callback(redis, NUMBER)
    keep_callback(redis, OTHER)
    keep(redis, NUMBER, OTHER_CIPHER)
    Suppressions(redis, NUMBER_KEYS).add([NUMBER], "*", "command")

    told = command(valkey_url, "forget", "--json", stdin=NUMBER)

    assert told.returncode == 1, told.stderr
    assert json.loads(told.stdout) == {
        "number": 1,
        "messages": 1,
        "kept_items": 2,
        "waiting": {"queued": 1},
        "unopened_items": 1,
        "suppressions": 1,
        "counted_attempts": 0,
    }
    assert redis.exists(KEYS.payload(waiting), KEYS.payload(of_another)) == 2
    left = {one.kept_id for one in UndecodableTasks(redis, RETENTION).all()}
    assert kept not in left
    assert kept_of_another in left
    assert len(UnreadableCallbacks(redis).all()) == 1
    assert Suppressions(redis, NUMBER_KEYS).of(NUMBER) != []

    said = command(valkey_url, "forget", stdin=NUMBER).stdout
    for part in ("0 message(s) forgotten", "1 message(s) left: 1 queued", "1 unreadable item(s) left", "1 suppression(s) kept"):
        assert part in said
    assert "139" not in said + told.stdout + told.stderr


def test_nothing_left_ends_with_0_and_several_numbers_are_told_by_their_line(
    sealing: Enqueuer, store: Records, redis: StoreRedis, valkey_url: str
) -> None:
    for to in (NUMBER, OTHER, OTHER):
        changed(store, sent(sealing, to), lambda reading: cancelled(reading.record))
    told = command(valkey_url, "forget", stdin="139 1234 5678\n+8613912345679\n")
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert [line.partition(" message")[0] for line in lines] == ["1: 1", "2: 2"]


def test_a_number_on_the_command_line_is_refused_and_not_repeated(valkey_url: str) -> None:
    told = command(valkey_url, "forget", "13912345678")
    assert told.returncode == 2
    assert "history" in told.stderr
    assert "139" not in told.stdout + told.stderr


def test_what_is_no_number_changes_nothing(redis: StoreRedis, valkey_url: str) -> None:
    keep(redis, NUMBER)
    told = command(valkey_url, "forget", stdin="13912345678\n1391234567\n")
    assert told.returncode == 2
    assert redis.llen(KEYS.undecodable) == 1


@pytest.mark.parametrize("cipher", [CIPHER, PayloadCipher()], ids=["encrypted", "plain"])
def test_a_kept_job_is_listed_without_the_key_and_shown_with_it(
    redis: StoreRedis, valkey_url: str, cipher: PayloadCipher
) -> None:
    kept = keep(redis, NUMBER, cipher)
    assert kept in command(valkey_url, "dead", "list", payload_keys="").stdout
    assert "13912345678" in command(valkey_url, "dead", "show", kept, "--body").stdout
    assert ("13912345678" in (redis.lindex(KEYS.undecodable, 0) or "")) == (not cipher.names)
    assert ("body     encrypted" in command(valkey_url, "dead", "show", kept, payload_keys="").stdout) == bool(cipher.names)


def test_without_its_key_a_kept_job_is_neither_shown_nor_replayed_nor_lost(redis: StoreRedis, valkey_url: str) -> None:
    kept = keep(redis, NUMBER)
    shown = command(valkey_url, "dead", "show", kept, "--body", payload_keys=OTHER_KEY)
    assert shown.returncode == 1
    assert "set SMSRELAY_PAYLOAD_KEYS" in shown.stderr
    replayed = command(valkey_url, "dead", "replay", kept, payload_keys=OTHER_KEY)
    assert replayed.returncode == 1
    assert "not replayed: its body is encrypted with payload key" in replayed.stdout
    assert redis.llen(KEYS.undecodable) == 1


def test_an_encrypted_job_is_replayed_and_removed(redis: StoreRedis, valkey_url: str) -> None:
    body = json.dumps({"to": NUMBER, "template": "0000000", "params": ["1"], "lane": "notice"})
    kept = UndecodableTasks(redis, RETENTION, CIPHER).keep("sms.send", "read by a later version", body)
    told = command(valkey_url, "dead", "replay", kept)
    assert "queued as" in told.stdout, told.stderr
    assert redis.llen(KEYS.undecodable) == 0
    [payload] = [redis.get(key) or "" for key in redis.scan_iter("{sms}:p:*")]
    assert "139" not in payload


def test_an_encrypted_callback_is_one_entry_however_often_it_is_stored(redis: StoreRedis) -> None:
    callback = keep_callback(redis, NUMBER)
    UnreadableCallbacks(redis, CIPHER).keep([callback])
    [stored] = UnreadableCallbacks(redis).all()
    assert stored.body == b""
    assert stored.opened(CIPHER) == callback
    [member] = redis.zrange(KEYS.unreadable_callbacks, 0, -1)
    assert "13912345678" not in member


@pytest.mark.parametrize("body", [b"\xff\x00\xfe 13912345678", "号码 13912345678", '{"a":"\ud800"}'])
def test_a_body_of_any_bytes_comes_back_as_it_was(redis: StoreRedis, body: str | bytes) -> None:
    tasks = UndecodableTasks(redis, RETENTION, CIPHER)
    tasks.keep("sms.send", "unreadable", body)
    [kept] = tasks.all()
    assert kept.opened(CIPHER).content == body
    tasks.drop(kept)
    assert tasks.all() == []
