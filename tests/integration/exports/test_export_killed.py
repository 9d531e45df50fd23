"""An export that is killed at any moment is made good by the next: no message is missing, and none is there twice."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from smsrelay.enqueue import Enqueuer
from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from tests.integration.exports.places import NdjsonPlace, Place, SqlitePlace
from tests.support.final_messages import many
from tests.support.shell import Shell
from tests.support.waiting import eventually

COUNT = 4_000  # messages: several pages, each of which takes a while


def ids_at(place: Place) -> list[str]:
    return [row["message_id"] for row in place.rows()]


def killed_when_it_has_written(shell: Shell, place: Place) -> bool:
    """Whether an export was killed in the middle, after it had written something more."""
    before = len(place.rows())
    with shell.start("export") as process:
        eventually(lambda: len(place.rows()) > before or process.poll() is not None, "a page is written")
        process.kill()
    return process.wait() == -signal.SIGKILL


def test_an_export_that_is_killed_again_and_again_is_completed(
    shell: Shell, place: Place, door: Enqueuer, store: Records
) -> None:
    expected = many(door, store, COUNT)
    killed = killed_when_it_has_written(shell, place)
    partial = len(place.rows())
    assert killed
    assert 0 < partial < COUNT
    for _ in range(3):
        if not killed_when_it_has_written(shell, place):
            break
    ended = shell.run("export")
    assert (ended.code, ended.errors) == (0, "")
    found = ids_at(place)
    assert (len(found), set(found)) == (COUNT, expected)


@pytest.fixture
def file(tmp_path: Path) -> NdjsonPlace:
    return NdjsonPlace(tmp_path)


@pytest.fixture
def to_file(file: NdjsonPlace, shell_to: Callable[[Place], Shell]) -> Shell:
    return shell_to(file)


def test_a_torn_last_line_is_cut_and_whole_lines_that_the_position_does_not_know_stay(
    to_file: Shell, file: NdjsonPlace, door: Enqueuer, store: Records, tmp_path: Path
) -> None:
    many(door, store, 20)
    to_file.run("export")
    shutil.copy(file.position, tmp_path / "earlier")
    expected = many(door, store, 40)
    to_file.run("export")
    shutil.copy(tmp_path / "earlier", file.position)  # as if the kill had come before the position was written
    lines = file.path.read_bytes().splitlines(keepends=True)
    file.path.write_bytes(b"".join(lines[:30]) + lines[30][:57])
    assert to_file.run("export").output == "10 exported, of 40 final messages in the store\n"
    assert file.path.read_bytes().splitlines(keepends=True)[:30] == lines[:30]
    assert (len(ids_at(file)), set(ids_at(file))) == (40, expected)


def test_a_lost_position_is_made_again_from_the_file(to_file: Shell, file: NdjsonPlace, door: Enqueuer, store: Records) -> None:
    many(door, store, 1_100)
    to_file.run("export")
    before = file.path.read_bytes()
    file.position.unlink()
    assert to_file.run("export").output.startswith("0 exported")
    assert file.path.read_bytes() == before


def test_a_file_that_was_rotated_gets_only_what_is_new(
    to_file: Shell, file: NdjsonPlace, door: Enqueuer, store: Records, tmp_path: Path
) -> None:
    many(door, store, 20)
    to_file.run("export")
    file.path.rename(tmp_path / "history.1.ndjson")
    many(door, store, 25)
    assert to_file.run("export").output.startswith("5 exported")
    assert len(ids_at(file)) == 5


@pytest.mark.parametrize("content", [b"a letter to my aunt\n", b"a letter without an end", b'{"message_id": "x"}\n'])
def test_a_file_of_somebody_elses_is_left_alone(to_file: Shell, file: NdjsonPlace, content: bytes) -> None:
    file.path.write_bytes(content)
    ended = to_file.run("export")
    assert (ended.code, file.path.read_bytes()) == (2, content)
    assert "is not a file of an export" in ended.errors
    assert "aunt" not in ended.errors


def test_a_database_that_is_none_is_left_alone(shell_to: Callable[[Place], Shell], tmp_path: Path) -> None:
    place = SqlitePlace(tmp_path)
    place.path.write_bytes(b"a letter to my aunt, which is long enough to look like a page of something\n" * 20)
    before = place.path.read_bytes()
    ended = shell_to(place).run("export")
    assert (ended.code, place.path.read_bytes()) == (2, before)
    assert "file is not a database" in ended.errors


def test_a_database_with_another_table_of_that_name_is_left_alone(
    shell_to: Callable[[Place], Shell], tmp_path: Path, door: Enqueuer, store: Records
) -> None:
    many(door, store, 1)
    place = SqlitePlace(tmp_path)
    with closing(sqlite3.connect(place.path)) as database:
        database.execute("CREATE TABLE smsrelay_messages (walrus)")
    ended = shell_to(place).run("export")
    assert ended.code == 2
    assert "no such" in ended.errors


@pytest.mark.parametrize("kind", [NdjsonPlace, SqlitePlace])
def test_a_full_disk_is_said_and_the_next_export_goes_on(
    shell_to: Callable[[Place], Shell], tmp_path: Path, door: Enqueuer, store: Records, kind: type[NdjsonPlace | SqlitePlace]
) -> None:
    expected, place = many(door, store, COUNT), kind(tmp_path)
    shell = shell_to(place)
    cut = shell.sh(f"ulimit -f 2000; exec {sys.executable} -m smsrelay_worker export")  # blocks of 512 bytes: a third of it
    assert cut.code == 3
    assert cut.errors.startswith(f"Error: {place.path}: ")
    assert "\n" not in cut.errors[:-1]
    assert shell.run("export").code == 0
    assert (len(ids_at(place)), set(ids_at(place))) == (COUNT, expected)


def test_two_exports_do_not_write_one_file_at_once(to_file: Shell, file: NdjsonPlace, door: Enqueuer, store: Records) -> None:
    expected = many(door, store, COUNT)
    with to_file.start("export") as first:
        eventually(file.rows, "the first one writes")
        first.send_signal(signal.SIGSTOP)
        second = to_file.run("export")
        first.send_signal(signal.SIGCONT)
        assert first.wait() == 0
    assert second.code == 3
    assert "another export writes this file" in second.errors
    assert (len(ids_at(file)), set(ids_at(file))) == (COUNT, expected)


def test_two_exports_into_one_database_write_every_message_once(
    shell_to: Callable[[Place], Shell], tmp_path: Path, door: Enqueuer, store: Records
) -> None:
    place = SqlitePlace(tmp_path)
    shell, expected = shell_to(place), many(door, store, 1_500)
    processes: list[subprocess.Popen[bytes]] = [shell.start("export") for _ in range(2)]
    ended = [(process.communicate()[1], process.returncode) for process in processes]
    assert ended == [(b"", 0), (b"", 0)]
    assert (len(ids_at(place)), set(ids_at(place))) == (1_500, expected)


def test_an_export_goes_on_when_it_loses_its_connection_to_the_store(
    to_file: Shell, file: NdjsonPlace, door: Enqueuer, store: Records, redis: StoreRedis
) -> None:
    many(door, store, COUNT)
    with to_file.start("export") as process:
        eventually(file.rows, "a page is written")
        redis.client_kill_filter(_type="normal", skipme=True)  # its next step is on another connection, to the same server
        assert process.wait() == 0
    assert len(file.rows()) == COUNT
