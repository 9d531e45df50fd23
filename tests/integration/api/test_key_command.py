"""``smsrelay key``: what it takes, prints and keeps."""

import json
from pathlib import Path

import pytest

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.store.api.api_key import key_id_of
from smsrelay_worker.store.api.api_keys import ApiKeys
from tests.integration.api.conftest import environment
from tests.support.shell import Shell


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    return Shell(tmp_path, environment(valkey_url))


def test_a_key_is_printed_once_and_only_its_hash_is_kept(shell: Shell, redis: StoreRedis) -> None:
    made = shell.run("key", "create", "shop", "--name", "website", "--type", "team", "--to", "139 1234 5678")
    token = made.output.strip()
    assert token.startswith("sms_team_")
    [key] = ApiKeys(redis).all()
    assert (key.key_id, key.app, key.name) == (key_id_of(token), "shop", "website")
    kept = str(redis.hgetall("{sms}:keys"))
    assert not [secret for secret in (token, token[-32:], "13912345678") if secret in kept]
    assert token[-32:] not in shell.run("key", "list").output
    [listed] = shell.run("key", "list", "--json").output.splitlines()
    assert (json.loads(listed)["id"], json.loads(listed)["open"]) == (token.split("_")[2], True)
    assert token[-32:] not in listed


@pytest.mark.parametrize(
    "arguments",
    [
        ("sh/op", "--name", "x"),
        ("", "--name", "x"),
        ("shop",),
        ("shop", "--name", ""),
        ("shop", "--name", "x", "--type", "team"),
        ("shop", "--name", "x", "--to", "13912345678"),
        ("shop", "--name", "x", "--type", "team", "--to", "1"),
        ("shop", "--name", "x", "--expires", "2020-01-01"),
        ("shop", "--name", "x", "--scope", "everything"),
        ("shop", "--name", "x", "--quota-minute", "0"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(shell: Shell, redis: StoreRedis, arguments: tuple[str, ...]) -> None:
    refused = shell.run("key", "create", *arguments)
    assert refused.code == 2
    assert "Traceback" not in refused.errors
    assert redis.exists("{sms}:keys") == 0


def test_an_unknown_key_cannot_be_revoked(shell: Shell) -> None:
    assert shell.run("key", "revoke", "k7f3q2mz").code == 1


def test_without_keys_the_list_says_how_to_make_one(shell: Shell) -> None:
    assert "smsrelay key create" in shell.run("key", "list").output


def test_a_second_revocation_keeps_the_first_ones_time(shell: Shell, redis: StoreRedis) -> None:
    key_id = key_id_of(shell.run("key", "create", "shop", "--name", "x").output.strip()) or ""
    assert shell.run("key", "revoke", key_id).code == 0
    [first] = ApiKeys(redis).all()
    assert shell.run("key", "revoke", key_id).code == 0
    assert ApiKeys(redis).all() == [first]
