"""The spool on a real disk: keeps the order, loses nothing, says when it cannot take more."""

import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.spool import Spool, SpoolFull, SpoolUnavailable

LIMIT = 20
ROOT = Path(__file__).parents[3]


def report(number: int) -> StatusEvent:
    return StatusEvent(message_id=f"m{number}", attempt=1, code="200", received_at=number)


def numbers(spool: Spool, count: int = 1_000_000) -> list[int]:
    return [spooled.event.received_at for spooled in spool.oldest(count)]


@contextmanager
def opened(folder: Path, limit: int = LIMIT) -> Iterator[Spool]:
    spool = Spool(folder, limit)
    try:
        yield spool
    finally:
        spool.close()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with opened(tmp_path / "new" / "spool") as spool:
        yield spool


class SpoolAgainstAList(RuleBasedStateMachine):
    """Two processes' spools over one folder do what one list does, whatever is asked of either in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.spools = [Spool(self.folder, LIMIT), Spool(self.folder, LIMIT)]
        self.model: list[int] = []
        self.next = 0

    @rule(who=st.sampled_from([0, 1]), count=st.integers(0, 8))
    def put(self, who: int, count: int) -> None:
        fresh = list(range(self.next, self.next + count))
        self.next += count
        if len(self.model) + count > LIMIT:
            with pytest.raises(SpoolFull):
                self.spools[who].put([report(number) for number in fresh])
        else:
            self.spools[who].put([report(number) for number in fresh])
            self.model += fresh

    @rule(who=st.sampled_from([0, 1]), count=st.integers(1, 8))
    def take_and_confirm(self, who: int, count: int) -> None:
        taken = self.spools[who].oldest(count)
        assert [spooled.event for spooled in taken] == [report(number) for number in self.model[:count]]
        if taken:
            self.spools[who].remove(taken[-1].place)
            del self.model[: len(taken)]

    @rule(who=st.sampled_from([0, 1]), count=st.integers(1, 8))
    def take_and_die(self, who: int, count: int) -> None:
        self.spools[who].oldest(count)
        self.spools[who].close()

    @invariant()
    def both_hold_the_list(self) -> None:
        for spool in self.spools:
            assert numbers(spool) == self.model
            assert spool.waiting() == len(self.model)
            assert spool.has_room() == (len(self.model) < LIMIT)

    def teardown(self) -> None:
        for spool in self.spools:
            spool.close()
        shutil.rmtree(self.folder)


TestSpoolAgainstAList = SpoolAgainstAList.TestCase
TestSpoolAgainstAList.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_every_field_of_an_event_comes_back(spool: Spool) -> None:
    event = StatusEvent(external_id="e", reference_id="r", code="503", updated_on=1, received_at=2, extra={"price": "0.1元"})
    spool.put([event])
    assert [spooled.event for spooled in spool.oldest(1)] == [event]


def test_a_batch_that_does_not_fit_is_refused_whole(spool: Spool) -> None:
    spool.put([report(number) for number in range(LIMIT - 1)])
    with pytest.raises(SpoolFull):
        spool.put([report(100), report(101)])
    assert numbers(spool) == list(range(LIMIT - 1))
    spool.put([report(102)])
    assert not spool.has_room()


def test_a_place_is_never_given_twice(spool: Spool) -> None:
    spool.put([report(1)])
    first = spool.oldest(1)[0].place
    spool.remove(first)
    spool.put([report(2)])
    spool.remove(first)
    assert numbers(spool) == [2]


def test_a_row_that_cannot_be_read_is_set_aside_and_blocks_nothing(spool: Spool, tmp_path: Path) -> None:
    spool.put([report(number) for number in range(4)])
    with sqlite3.connect(tmp_path / "new" / "spool" / "reports.sqlite") as connection:
        connection.execute("UPDATE reports SET event = ? WHERE place = 1", (b'{"v":9}',))
        connection.execute("UPDATE reports SET event = ? WHERE place = 4", (b"\xff\x00",))
        connection.commit()
        assert numbers(spool) == [1, 2]
        assert connection.execute("SELECT place, event FROM unreadable").fetchall() == [(1, b'{"v":9}'), (4, b"\xff\x00")]
    connection.close()
    assert spool.waiting() == 2


def test_a_file_that_is_no_database_is_named_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "reports.sqlite"
    path.write_bytes(b"not a database" * 100)
    with opened(tmp_path) as spool:
        with pytest.raises(SpoolUnavailable, match="not a database"):
            spool.put([report(1)])
        assert not spool.has_room()
        assert path.read_bytes() == b"not a database" * 100
        path.unlink()  # a person put it right
        spool.put([report(1)])
        assert numbers(spool) == [1]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with opened(tmp_path / "file" / "spool") as spool:
        with pytest.raises(SpoolUnavailable):
            spool.put([report(1)])
        with pytest.raises(SpoolUnavailable), spool.sole_drainer():
            pass


def test_a_full_disk_is_named_and_what_was_put_before_is_kept(spool: Spool) -> None:
    spool.put([report(1)])
    connection = spool._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to meet the end of the disk
    long = {"k": "x" * 60_000}
    with pytest.raises(SpoolUnavailable, match="full"):
        spool.put([StatusEvent(external_id="e", code="200", received_at=2, extra=long)])
    assert numbers(spool) == [1]
    spool.put([report(3)])
    assert numbers(spool) == [1, 3]


def test_only_one_drains_at_a_time_and_the_next_may_afterwards(tmp_path: Path) -> None:
    with opened(tmp_path) as mine, opened(tmp_path) as theirs:
        with mine.sole_drainer() as alone:
            assert alone
            with theirs.sole_drainer() as also_alone:
                assert not also_alone
        with theirs.sole_drainer() as alone:
            assert alone


def test_many_writers_opening_a_new_folder_at_once_lose_nothing(tmp_path: Path) -> None:
    for attempt in range(10):
        folder = tmp_path / str(attempt)
        spools = [Spool(folder, 1000) for _ in range(6)]
        start = threading.Barrier(len(spools))

        def write(spool: Spool, own: int, start: threading.Barrier = start) -> None:
            start.wait()
            for place in range(5):
                spool.put([report(own * 100 + place)])

        threads = [threading.Thread(target=write, args=(spool, own)) for own, spool in enumerate(spools)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(numbers(spools[0])) == sorted(own * 100 + place for own in range(6) for place in range(5))
        for spool in spools:
            spool.close()


PUTTER = """
import sys
from pathlib import Path
from smsrelay.receiver.spool import Spool
from tests.integration.receiver.test_spool import report
spool = Spool(Path(sys.argv[1]), 1_000_000)
for number in range(int(sys.argv[2]), 1_000_000):
    spool.put([report(number)])
    print(number, flush=True)
"""


@pytest.mark.parametrize("killed_after", [1, 7, 60])
def test_what_was_put_survives_the_kill_of_the_process(tmp_path: Path, killed_after: int) -> None:
    first = 0
    for _ in range(3):
        command = [sys.executable, "-c", PUTTER, str(tmp_path), str(first)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as putter:
            assert putter.stdout is not None
            for _ in range(killed_after):
                putter.stdout.readline()
            os.kill(putter.pid, signal.SIGKILL)
            said = [int(line) for line in putter.stdout.read().split()]
        told = said[-1] if said else first + killed_after - 1
        with opened(tmp_path, 1_000_000) as spool:
            kept = numbers(spool)
        assert kept[: told + 1] == list(range(told + 1))
        assert len(kept) <= told + 2  # at most the one that was put and not yet told
        first = len(kept)


def test_a_receiver_that_is_frozen_while_it_opens_the_file_does_not_hold_the_others_for_ever(tmp_path: Path) -> None:
    clock = [0.0]

    def sleep(_: float) -> None:
        clock[0] += 0.1

    lock = os.open(tmp_path / "open.lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    waiting = Spool(tmp_path, LIMIT, monotonic=lambda: clock[0], sleep=sleep)
    with pytest.raises(SpoolUnavailable, match="opening"):
        waiting.put([report(1)])
    os.close(lock)
    waiting.put([report(2)])
    assert numbers(waiting) == [2]
    waiting.close()
