"""What several threads of the console share: one reading for all who ask, and checks that run once at a time."""

import threading
from collections.abc import Sequence

import pytest

from smsrelay_worker.console.checkup import OVERDUE, Checkup
from smsrelay_worker.console.notices import Notice, Notices
from smsrelay_worker.console.shared_reading import SharedReading
from smsrelay_worker.operations.doctor.finding import Finding, Severity, error, note, warning
from smsrelay_worker.operations.doctor.kind import Kind
from tests.support.waiting import eventually


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1.0

    def __call__(self) -> float:
        return self.now


def test_those_who_ask_at_the_same_time_share_one_reading() -> None:
    reading, go_on, reads = threading.Event(), threading.Event(), []

    def read() -> int:
        reads.append(1)
        reading.set()
        assert go_on.wait(30)
        return 7

    shared, got = SharedReading(read, 1.0, Clock()), []
    threads = [threading.Thread(target=lambda: got.append(shared.get())) for _ in range(5)]
    threads[0].start()
    assert reading.wait(30)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(30)
    assert (got, len(reads)) == ([7] * 5, 1)


def test_a_reading_is_kept_for_its_time_and_a_failure_is_not() -> None:
    clock, answers = Clock(), iter([1, OSError("away"), 2])

    def read() -> int:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    shared = SharedReading(read, 1.0, clock)
    assert (shared.get(), shared.get()) == (1, 1)
    clock.now += 1.0
    with pytest.raises(OSError, match="away"):
        shared.get()
    assert shared.get() == 2


def test_the_worst_finding_comes_first_and_checks_run_once_at_a_time() -> None:
    clock, go_on, runs = Clock(), threading.Event(), []

    def examine() -> Sequence[Finding]:
        runs.append(1)
        assert go_on.wait(30)
        return [note("a", Kind.CHECK_REFUSED), error("a", Kind.CHECK_REFUSED), warning("a", Kind.CHECK_REFUSED)]

    checkup = Checkup(examine, clock)
    first = checkup.latest()
    assert (first.age, first.under_way) == (None, True)
    checkup.start()
    go_on.set()
    eventually(lambda: not checkup.latest().under_way, "the checks have ended")
    examined = checkup.latest()
    assert [one.severity for one in examined.findings] == list(Severity)
    assert (examined.age, len(runs)) == (0.0, 1)
    clock.now += OVERDUE + 1
    checkup.latest()
    eventually(lambda: len(runs) == 2, "they are overdue and run again")


def test_a_notice_is_shown_once_to_whom_it_is_for() -> None:
    notices = Notices()
    notices.add("a", Notice("message.cancelled"))
    assert notices.take("b") == ()
    assert notices.take("a") == (Notice("message.cancelled"),)
    assert notices.take("a") == ()
