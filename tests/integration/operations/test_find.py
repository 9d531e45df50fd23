"""``smsrelay find``: the messages to a number that is asked for, not given on the command line."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.messages import NUMBER_KEY, RETENTION, answer, begin, job
from tests.support.shell import ROOT, Shell

TO = "13800138000"  # of the jobs


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY})


@pytest.fixture
def ids(door: Enqueuer, redis: StoreRedis) -> list[str]:
    """A failed message of the shop, then a queued one of the bank."""
    failed = door.enqueue(job(app="shop", reference="1", campaign="spring")).message_id
    begin(store := Records(redis, RETENTION), failed)
    answer(store, failed, 1, Answer(Kind.ANSWERED, "i005"))
    return [failed, door.enqueue(job(app="bank")).message_id]


def test_messages_are_listed_newest_first_one_line_each(shell: Shell, ids: list[str]) -> None:
    ended = shell.run("find", given=b"138 0013 8000\n")
    newest, oldest = ended.output.splitlines()
    assert newest.split()[:5] == [ids[1], "queued", "notice", "bank", "0000000"]
    assert newest.split()[-1] == "-"
    assert oldest.split()[:5] == [ids[0], "failed", "notice", "shop", "0000000"]
    assert oldest.split()[-1] == "i005"
    assert ended.code == 0


def test_an_app_and_json_can_be_asked_for(shell: Shell, ids: list[str]) -> None:
    [line] = shell.run("find", "--app", "shop", "--json", given=TO.encode()).output.splitlines()
    shown = json.loads(line)
    assert (shown["message_id"], shown["reference"], shown["campaign"], shown["code"]) == (ids[0], "1", "spring", "i005")


def test_the_number_may_stand_on_the_command_line_if_it_is_asked_for(shell: Shell, ids: list[str]) -> None:
    assert len(shell.run("find", "--number", TO).output.splitlines()) == 2
    assert shell.run("find", TO).code == 2


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (b"13800138001", 1, "no messages to this number"),
        (b"", 2, "it is empty"),
        (b"1380013800x", 2, "number: not a phone number"),
    ],
)
def test_what_is_not_found_or_no_number_is_told_without_the_number(shell: Shell, given: bytes, code: int, said: str) -> None:
    ended = shell.run("find", given=given)
    assert (ended.code, ended.output) == (code, "")
    assert said in ended.errors
    assert "1380013800" not in ended.errors


def test_without_the_keys_of_numbers_nothing_is_asked(valkey_url: str, tmp_path: Path) -> None:
    ended = Shell(tmp_path, {"SMSRELAY_STORE_URL": valkey_url}).run("find")
    assert ended.code == 2
    assert "SMSRELAY_NUMBER_KEYS" in ended.errors


def test_at_a_terminal_the_number_is_typed_unseen(valkey_url: str, ids: list[str]) -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "SMSRELAY_STORE_URL": valkey_url}
    command = [sys.executable, "-m", "smsrelay_worker", "find"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command,
        env=environment | {"SMSRELAY_NUMBER_KEYS": NUMBER_KEY},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        start_new_session=True,
    ) as asking:
        os.close(theirs)
        seen = os.read(ours, 100)
        os.write(ours, TO.encode() + b"\n")
        listed = asking.communicate(timeout=60)[0]
        seen += _rest(ours)
    os.close(ours)
    assert [line.split()[0] for line in listed.splitlines()] == ids[::-1]
    assert b"number:" in seen.lower()
    assert TO.encode() not in seen


def _rest(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # its other end is closed
        return b""
