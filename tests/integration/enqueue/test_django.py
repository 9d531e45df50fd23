"""smsrelay.django: an SMS goes out if, and only if, the transaction is committed, and its id is known before."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smsrelay.contract.message import referenced_id
from smsrelay.store.connection import StoreRedis
from tests.support.relay_process import clean_environment
from tests.support.store_keys import KEYS

PROGRAM = """
import json, logging, sys
from django.conf import settings

database = {"ENGINE": "django.db.backends.sqlite3"}
settings.configure(DATABASES={name: database | {"NAME": f"{name}.sqlite3"} for name in ("default", "other")})
import django
django.setup()
from django.db import connections, transaction
from smsrelay import Rejection, SendJob
from smsrelay.django import enqueue_on_commit

logging.basicConfig(stream=sys.stderr, format="%(name)s %(message)s")

def job(**changes):
    return SendJob(**{"to": "13912345678", "template": "0000000", "lane": "notice", "reference": "order-1"} | changes)

"""


class Play:
    """Runs a few lines in a Django process, which may look into ``seen()``, and returns what they printed as JSON."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder, self._url = folder, url
        self.errors = ""

    def __call__(self, lines: str, url: str | None = None) -> Any:
        named = {"STORE_URL": url or self._url, "BROKER_URL": url or self._url, "NUMBER_KEYS": "0123456789abcdef"}
        environment = clean_environment() | {f"SMSRELAY_{name}": value for name, value in named.items()}
        command = [sys.executable, "-W", "error", "-c", PROGRAM + lines]
        ended = subprocess.run(command, cwd=self._folder, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        self.errors = ended.stderr
        return json.loads(ended.stdout)


@pytest.fixture
def play(tmp_path: Path, valkey_url: str, redis: StoreRedis) -> Play:
    return Play(tmp_path, valkey_url)


SEEN = """
from redis import Redis
import os

def seen():
    with Redis.from_url(os.environ["SMSRELAY_STORE_URL"]) as client:
        return client.zcard("{sms}:agenda")
"""


def test_nothing_is_enqueued_before_the_commit_and_the_id_is_known(play: Play, redis: StoreRedis) -> None:
    before, message_id, after = play(
        SEEN + "with transaction.atomic():\n"
        "    message_id = enqueue_on_commit(job())\n"
        "    before = seen()\n"
        "print(json.dumps([before, message_id, seen()]))"
    )
    assert (before, after) == (0, 1)
    assert message_id == referenced_id("default", "order-1")
    assert redis.exists(KEYS.message(message_id)) == 1


def test_a_transaction_that_is_rolled_back_sends_nothing(play: Play, redis: StoreRedis) -> None:
    lines = "with transaction.atomic():\n    enqueue_on_commit(job())\n    transaction.set_rollback(True)\nprint(1)"
    assert play(lines) == 1
    assert redis.zcard(KEYS.agenda) == 0


def test_an_inner_block_that_is_rolled_back_sends_nothing_of_its_own(play: Play, redis: StoreRedis) -> None:
    play(
        "with transaction.atomic():\n"
        "    enqueue_on_commit(job())\n"
        "    with transaction.atomic():\n"
        "        enqueue_on_commit(job(reference='order-2'))\n"
        "        transaction.set_rollback(True)\n"
        "print(1)"
    )
    assert redis.exists(KEYS.message(referenced_id("default", "order-1"))) == 1
    assert redis.zcard(KEYS.agenda) == 1


def test_the_commit_that_counts_is_that_of_the_database_named(play: Play) -> None:
    lines = (
        SEEN + "with transaction.atomic(using='other'):\n"
        "    with transaction.atomic():\n"
        "        enqueue_on_commit(job(), using='other')\n"
        "    between = seen()\n"
        "print(json.dumps([between, seen()]))"
    )
    assert play(lines) == [0, 1]


def test_outside_a_transaction_it_is_enqueued_at_once(play: Play, redis: StoreRedis) -> None:
    assert play("print(json.dumps(enqueue_on_commit(job())))") == referenced_id("default", "order-1")
    assert redis.zcard(KEYS.agenda) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [("reference=None", "ValueError: enqueue_on_commit needs a job with a reference"), ("lane=None", "Rejection: lane: missing")],
)
def test_what_is_wrong_is_said_before_the_commit(play: Play, redis: StoreRedis, changes: str, error: str) -> None:
    lines = (
        "try:\n"
        "    with transaction.atomic():\n"
        f"        enqueue_on_commit(job({changes}))\n"
        "except (ValueError, Rejection) as error:\n"
        "    print(json.dumps(f'{type(error).__name__}: {error}'))"
    )
    assert play(lines).startswith(error)
    assert redis.zcard(KEYS.agenda) == 0


def test_what_fails_after_the_commit_is_logged_by_id_and_leaves_the_rest_alone(play: Play, closed_port: int) -> None:
    lines = (
        "done = []\n"
        "with transaction.atomic():\n"
        "    enqueue_on_commit(job())\n"
        "    transaction.on_commit(lambda: done.append(1))\n"
        "print(json.dumps(done))"
    )
    assert play(lines, f"redis://127.0.0.1:{closed_port}/0") == [1]
    message_id = referenced_id("default", "order-1")
    assert f"smsrelay.django not enqueued after the commit: message {message_id}: the store did not answer" in play.errors
    assert "13912345678" not in play.errors


def test_a_reference_that_is_taken_is_logged_too(play: Play) -> None:
    play("enqueue_on_commit(job(params=['1']))\nwith transaction.atomic():\n    enqueue_on_commit(job(params=['2']))\nprint(1)")
    assert "reference: was used before for other content" in play.errors
