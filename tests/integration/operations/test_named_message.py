"""``show``, ``why`` and ``cancel`` find a message by its id, by the beginning of it, or by the app's reference."""

import json
from pathlib import Path

import pytest

from smsrelay.contract.message import referenced_id
from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from tests.support.messages import job
from tests.support.shell import Shell
from tests.support.store_keys import KEYS

MESSAGE_ID = referenced_id("shop", "login-1")


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"SMSRELAY_STORE_URL": valkey_url})


@pytest.fixture(autouse=True)
def accepted(door: Enqueuer) -> None:
    door.enqueue(job(app="shop", reference="login-1"))
    door.enqueue(job(app="shop", reference="login-1"), test=True)
    door.enqueue(job(reference="login-1"))


def shown(shell: Shell, *names: str) -> str:
    ended = shell.run("show", "--json", *names)
    assert ended.code == 0, ended.errors
    return str(json.loads(ended.output)["message_id"])


@pytest.mark.parametrize("length", [6, 9, 35, 36])
def test_the_beginning_of_an_id_is_enough_where_no_other_begins_like_that(shell: Shell, length: int) -> None:
    assert shown(shell, MESSAGE_ID[:length]) == MESSAGE_ID
    assert shown(shell, MESSAGE_ID[:length].upper() if length < 36 else MESSAGE_ID) == MESSAGE_ID


def test_app_and_reference_name_a_message_and_its_test_namesake_apart(shell: Shell) -> None:
    assert shown(shell, "--app", "shop", "--reference", "login-1") == MESSAGE_ID
    assert shown(shell, "--app", "shop", "--reference", "login-1", "--test") == referenced_id("shop", "login-1", test=True)
    assert shown(shell, "--reference", "login-1") == referenced_id("default", "login-1")


def test_the_other_commands_take_the_same_names(shell: Shell) -> None:
    assert "accepted and queued" in shell.run("why", MESSAGE_ID[:8]).output
    assert shell.run("cancel", "--app", "shop", "--reference", "login-1").output == "cancelled\n"
    assert "cancelled by the app" in shell.run("why", MESSAGE_ID).output


def test_ids_that_begin_alike_are_listed_up_to_five_and_nothing_is_cancelled(shell: Shell, redis: StoreRedis) -> None:
    record = redis.hgetall(KEYS.message(MESSAGE_ID))
    ids = [f"{MESSAGE_ID[:30]}{number:06x}" for number in range(5)]
    for one in ids[:2]:
        redis.hset(KEYS.message(one), mapping=record)
    refused = shell.run("cancel", MESSAGE_ID[:12])
    assert (refused.code, refused.output) == (2, "")
    assert f"several ids begin with {MESSAGE_ID[:12]}" in refused.errors
    assert all(f"  {one}  queued  notice  shop  0000000" in refused.errors for one in (*ids[:2], MESSAGE_ID))
    assert "and more" not in refused.errors
    for one in ids:
        redis.hset(KEYS.message(one), mapping=record)
    many = shell.run("cancel", MESSAGE_ID[:12]).errors
    assert (many.count("  queued  "), many.count("  and more")) == (5, 1)
    assert redis.hget(KEYS.message(MESSAGE_ID), "state") == "queued"


@pytest.mark.parametrize("name", ["000000", "nonsense", "*", "??????", MESSAGE_ID[:-1] + "g", "f" * 36])
def test_what_names_no_message_is_told_so(shell: Shell, name: str) -> None:
    refused = shell.run("show", name)
    assert (refused.code, refused.errors) == (1, "Error: no such message, or its retention has ended\n")


@pytest.mark.parametrize(
    "names", [(), (MESSAGE_ID[:5],), ("--app", "shop"), (MESSAGE_ID, "--app", "shop"), (MESSAGE_ID, "--reference", "login-1")]
)
def test_a_name_that_is_none_or_two_is_refused(shell: Shell, names: tuple[str, ...]) -> None:
    assert shell.run("show", *names).code == 2


def test_a_message_is_found_among_many_keys(shell: Shell, redis: StoreRedis) -> None:
    with redis.pipeline() as pipeline:
        for number in range(5000):
            pipeline.set(KEYS.payload(f"{number:08x}"), "")
        pipeline.execute()
    assert shown(shell, MESSAGE_ID[:8]) == MESSAGE_ID
