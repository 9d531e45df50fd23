"""``smsrelay send`` as a shell runs it: what it prints, how it ends, and what it never prints."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import referenced_id
from smsrelay.store.connection import StoreRedis
from tests.support.queues import published_ids
from tests.support.shell import PATIENCE, Shell
from tests.support.store_keys import KEYS

KEY = "tops-ecre-tkey-0815"
NUMBER, CODE = "13800138000", "739148"
JOB = ("--to", NUMBER, "--template", "0000000", "--param", CODE, "--lane", "otp")


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url}
    return Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": KEY})


def test_send_prints_the_message_id_and_nothing_else(shell: Shell, redis: StoreRedis) -> None:
    ended = shell.run("send", *JOB)
    [message_id] = published_ids(redis, Lane.OTP)
    assert (ended.code, ended.output, ended.errors) == (0, f"{message_id}\n", "")


def test_send_with_json_prints_one_object(shell: Shell) -> None:
    first, again = (shell.run("send", *JOB, "--reference", "r", "--json") for _ in range(2))
    expected = {"message_id": referenced_id("default", "r"), "lane": "otp"}
    assert json.loads(first.output) == expected | {"new": True}
    assert json.loads(again.output) == expected | {"new": False}


def test_every_option_of_send_reaches_the_record(shell: Shell, redis: StoreRedis) -> None:
    not_before = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S+0000")
    options = ("--app", "shop", "--reference", "r", "--expires-in", "7200", "--not-before", not_before, "--param", "-5")
    assert shell.run("send", *JOB, *options).code == 0
    message_id = referenced_id("shop", "r")
    written = redis.hgetall(KEYS.message(message_id))
    assert (written["app"], written["ref"], written["lane"]) == ("shop", "r", "otp")
    assert int(written["exp"]) - int(written["at"]) == pytest.approx(7_200_000, abs=100)
    assert int(written["due"]) == datetime.strptime(not_before, "%Y-%m-%dT%H:%M:%S%z").timestamp() * 1000
    assert json.loads(redis.get(KEYS.payload(message_id))) == {"to": f"+86{NUMBER}", "params": [CODE, "-5"]}


@pytest.mark.parametrize("source", ["-", "job.json"])
def test_a_whole_job_comes_from_a_file_or_standard_input(shell: Shell, redis: StoreRedis, tmp_path: Path, source: str) -> None:
    expires_at = datetime.now(UTC) + timedelta(minutes=9)
    wire = {"to": NUMBER, "template": "0000000", "params": [CODE], "lane": "otp", "expires_at": expires_at.isoformat()}
    (tmp_path / "job.json").write_text(json.dumps(wire))
    ended = shell.run("send", "--job", source, given=json.dumps(wire).encode())
    assert ended.code == 0
    assert redis.hget(KEYS.message(ended.output.strip()), "exp") == str(int(expires_at.timestamp() * 1000))


def test_one_reference_from_many_processes_at_once_is_one_message(shell: Shell, redis: StoreRedis) -> None:
    processes = [shell.start("send", *JOB, "--reference", "r", "--json") for _ in range(4)]
    printed = [json.loads(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    assert {one["message_id"] for one in printed} == {referenced_id("default", "r")}
    assert sum(one["new"] for one in printed) == 1
    assert redis.zcard(KEYS.outbox(Lane.OTP)) == redis.xlen(KEYS.events) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), ["to", "template"]),
        (("--to", "12345", "--template", "a b", "--param", "x[y"), ["to", "template", "params.0"]),
        (("--to", NUMBER, "--template", "0000000"), ["lane"]),
        ((*JOB, "--expires-in", "0"), ["expires_in"]),
        ((*JOB, "--not-before", "2001-01-01T00:00:00+0000", "--expires-in", "999999"), ["expires_in"]),
        ((*JOB, "--job", "-"), ["--job"]),
    ],
)
def test_wrong_input_ends_with_2_and_every_problem(
    shell: Shell, redis: StoreRedis, arguments: tuple[str, ...], named: list[str]
) -> None:
    ended = shell.run("send", *arguments)
    assert (ended.code, ended.output, ended.named()) == (2, "", named)
    assert not any(value in ended.errors for value in (NUMBER, CODE, "12345", "x[y"))
    assert list(redis.scan_iter()) == []


@pytest.mark.parametrize("given", [b"", b"{", b"\xff", b"[" * 100_000, b"[" + b"9" * 5000 + b"]", b'{"to": 1}', b"null"])
def test_a_file_that_is_no_job_ends_with_2(shell: Shell, given: bytes) -> None:
    ended = shell.run("send", "--job", "-", given=given)
    assert (ended.code, ended.output) == (2, "")
    assert "refused" in ended.errors
    assert "Traceback" not in ended.errors


def test_a_taken_reference_ends_with_2_and_is_not_quoted(shell: Shell) -> None:
    assert shell.run("send", *JOB, "--reference", "r-walrus").code == 0
    ended = shell.run("send", *JOB, "--param", "more", "--reference", "r-walrus")
    assert (ended.code, ended.output, ended.named()) == (2, "", ["reference"])
    assert "walrus" not in ended.errors


def test_without_the_store_send_ends_with_3(tmp_path: Path, valkey_url: str, closed_port: int) -> None:
    urls = {"SMSRELAY_STORE_URL": f"redis://:pass-walrus@127.0.0.1:{closed_port}/0", "SMSRELAY_BROKER_URL": valkey_url}
    ended = Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": KEY}).run("send", *JOB)
    assert (ended.code, ended.output) == (3, "")
    assert "the store did not answer" in ended.errors
    assert not any(value in ended.errors for value in ("walrus", NUMBER, CODE))


def test_without_the_broker_send_succeeds_and_warns_of_what_is_owed(tmp_path: Path, valkey_url: str, closed_port: int) -> None:
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": f"redis://:pass-walrus@127.0.0.1:{closed_port}/0"}
    ended = Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": KEY}).run("send", *JOB, "--reference", "r")
    assert (ended.code, ended.output) == (0, referenced_id("default", "r") + "\n")
    [warning] = ended.errors.splitlines()
    assert json.loads(warning)["event"].startswith("publish owed: lane otp, 1 messages")
    assert not any(value in ended.errors for value in ("walrus", NUMBER, CODE))


def test_wrong_settings_end_with_2_and_no_value(tmp_path: Path) -> None:
    wrong = {
        "SMSRELAY_STORE_URL": "mysql://:pass-walrus@host",
        "SMSRELAY_NUMBER_KEYS": "short-otter",
        "SMSRELAY_BROKER_URL": "pass-heron",
    }
    ended = Shell(tmp_path, wrong).run("send", *JOB)
    assert (ended.code, ended.output, sorted(ended.named())) == (2, "", sorted(wrong))
    assert not any(value in ended.errors for value in ("walrus", "otter", "heron", NUMBER, CODE))


@pytest.mark.parametrize("registry", [None, "[[template"])
def test_a_registry_that_is_missing_or_wrong_ends_with_2(valkey_url: str, tmp_path: Path, registry: str | None) -> None:
    if registry is not None:
        (tmp_path / "templates.toml").write_text(registry)
    variables = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_NUMBER_KEYS": KEY, "SMSRELAY_TEMPLATES": "templates.toml"}
    ended = Shell(tmp_path, variables).run("send", *JOB)
    assert (ended.code, ended.output) == (2, "")
    assert "templates.toml" in ended.errors


def test_schema_prints_the_contract(shell: Shell) -> None:
    assert json.loads(shell.run("schema", "send-job").output) == SendJob.model_json_schema()
