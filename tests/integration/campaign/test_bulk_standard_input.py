"""``smsrelay bulk -``: a campaign from standard input, which may end early, and can be run again all the same."""

import os
import pty
import sys
from pathlib import Path

import pytest
from redis import Redis

from smsrelay.contract.lanes import Lane
from tests.support.queues import published_ids
from tests.support.shell import Shell

NAMED = ("--template", "0000000", "--lane", "marketing", "--campaign", "spring")
LINES = ["to,p1", *(f"138{number:08d},Anna" for number in range(1200))]
WHOLE = "".join(f"{line}\n" for line in LINES).encode()


@pytest.fixture
def shell(valkey_url: str, tmp_path: Path) -> Shell:
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    return Shell(tmp_path, urls | {"SMSRELAY_NUMBER_KEYS": "tops-ecre-tkey-0815"})


def test_what_a_cut_pipe_left_out_is_sent_by_the_next_run_and_nothing_twice(shell: Shell, redis: Redis, tmp_path: Path) -> None:
    cut = WHOLE[: WHOLE.index(b"\n", len(WHOLE) // 2) + 1]  # at the end of a line, so that nobody can see it
    first = shell.run("bulk", "-", *NAMED, given=cut)
    rows = cut.count(b"\n") - 1
    assert (first.code, first.output.splitlines()[0]) == (0, f"{rows} rows: {rows} accepted, 0 accepted before, 0 refused")
    again = shell.run("bulk", "-", *NAMED, given=WHOLE)
    assert again.output.splitlines()[0] == f"1,200 rows: {1200 - rows} accepted, {rows} accepted before, 0 refused"
    assert len(set(published_ids(redis, Lane.MARKETING))) == 1200
    file = tmp_path / "spring.csv"
    file.write_bytes(WHOLE)
    assert "0 accepted, 1,200 accepted before" in shell.run("bulk", str(file), *NAMED).output
    assert list((tmp_path / "tmp").iterdir()) == [], "no copy is left"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "gb18030"])
def test_input_that_ends_in_the_middle_of_a_line_is_refused(shell: Shell, redis: Redis, encoding: str) -> None:
    text = "to,p1\n13800138000,张三\n13800138001,394021"
    cut = shell.run("bulk", "-", *NAMED, "--encoding", encoding, given=text.encode(encoding))
    assert (cut.code, cut.output) == (2, "")
    assert "ends in the middle of a line" in cut.errors
    assert list(redis.scan_iter()) == []
    whole = shell.run("bulk", "-", *NAMED, "--encoding", encoding, given=f"{text}\n".encode(encoding))
    assert (whole.code, whole.errors) == (0, "")


def test_without_a_name_it_could_not_be_run_again_and_is_refused(shell: Shell, redis: Redis) -> None:
    ended = shell.run("bulk", "-", *NAMED[:4], given=WHOLE)
    assert (ended.code, ended.output) == (2, "")
    assert "needs --campaign NAME" in ended.errors
    assert list(redis.scan_iter()) == []


def test_empty_input_is_no_campaign(shell: Shell) -> None:
    ended = shell.run("bulk", "-", *NAMED)
    assert (ended.code, "must be a header" in ended.errors) == (2, True)


def test_refused_rows_are_written_but_not_over_the_input(shell: Shell, tmp_path: Path) -> None:
    errors = tmp_path / "refused.csv"
    ended = shell.run("bulk", "-", *NAMED, "--errors", str(errors), given=b"to,p1\n13800138000,Anna\n12,Ben\n")
    assert (ended.code, errors.read_text("utf-8-sig").count("Ben")) == (1, 1)
    before = errors.read_bytes()
    command = f"{sys.executable} -m smsrelay_worker bulk - {' '.join(NAMED)} --errors {errors} < {errors}"
    assert shell.sh(command).code == 2
    assert errors.read_bytes() == before


def test_a_terminal_is_refused_at_once(shell: Shell) -> None:
    ours, theirs = pty.openpty()
    try:
        ended = shell.run("bulk", "-", *NAMED, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (ended.code, "is a terminal" in ended.errors) == (2, True)


def test_a_full_disk_ends_it_before_anything_is_enqueued(shell: Shell, redis: Redis) -> None:
    shell.set("TMPDIR", "/nowhere/at/all")
    ended = shell.sh(f"ulimit -f 4; {sys.executable} -m smsrelay_worker bulk - {' '.join(NAMED)}", given=WHOLE)
    assert (ended.code, ended.output) == (2, "")
    assert "too large" in ended.errors.lower()
    assert list(redis.scan_iter()) == []
