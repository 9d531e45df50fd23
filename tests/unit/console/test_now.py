"""What the first page says first, and how it tells the last minutes."""

from dataclasses import replace

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay_worker.console.pages.now import lane_rows, verdict
from smsrelay_worker.console.watch import Sample, movement
from smsrelay_worker.operations.doctor.finding import Finding, error, note, warning
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.status import StatusOverview
from smsrelay_worker.rate_limit.circuit import OpenCircuit
from smsrelay_worker.rate_limit.halt import OPERATOR, Halt
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.oldest_waiting import LaneWait
from smsrelay_worker.store.tallies import Tallied
from smsrelay_worker.store.worker_registry import WorkerProcess

RATE = RateState(100.0, False, 100.0, {}, None, None, None)
EVERYTHING = tuple(lane.queue for lane in Lane)
WELL = StatusOverview(
    rate=RATE,
    waiting=dict.fromkeys(Lane, 0),
    put_off=0,
    not_final=0,
    reports=0,
    dead=0,
    unlisted={},
    workers=(WorkerProcess("worker@host", "host", 1, EVERYTHING, 0),),
    differences=(),
    sinks=(),
    wait_bounds={},
    now=100_000,
)
WORSE = error("check", Kind.CHECK_REFUSED)


@pytest.mark.parametrize(
    ("overview", "found", "level", "key"),
    [
        (WELL, [], "good", "now.submitting"),
        (WELL, [note("check", Kind.CHECK_REFUSED)], "good", "now.submitting"),
        (replace(WELL, rate=replace(RATE, current=20.0)), [], "warn", "now.throttled"),
        (WELL, [warning("check", Kind.CHECK_REFUSED)], "warn", "now.warnings"),
        (WELL, [warning("check", Kind.CHECK_REFUSED), WORSE], "bad", "now.errors"),
        (replace(WELL, workers=()), [WORSE], "bad", "now.no_worker"),
        (replace(WELL, rate=replace(RATE, circuit=OpenCircuit(1, 2)), workers=()), [WORSE], "bad", "now.circuit"),
        (replace(WELL, rate=replace(RATE, halted=Halt(1, "i013"), circuit=OpenCircuit(1, 2))), [WORSE], "bad", "now.halted"),
        (replace(WELL, rate=replace(RATE, halted=Halt(1, OPERATOR))), [], "bad", "now.halted_by_operator"),
        (replace(WELL, unwritable="OOM", rate=replace(RATE, halted=Halt(1, OPERATOR))), [WORSE], "bad", "now.store_refuses"),
    ],
)
def test_what_stops_messages_is_said_before_what_only_hampers_them(
    overview: StatusOverview, found: list[Finding], level: str, key: str
) -> None:
    said = verdict(overview, found)
    assert (said.level, said.key) == (level, key)


def test_a_lane_tells_how_long_its_first_message_waits() -> None:
    waiting = replace(WELL, waiting=dict.fromkeys(Lane, 3), oldest={Lane.OTP: LaneWait(40_000), Lane.NOTICE: LaneWait(100_500)})
    otp, notice, marketing = lane_rows(waiting, {Lane.OTP: 2, Lane.NOTICE: 0, Lane.MARKETING: 0})
    assert (otp.wait, otp.in_flight, otp.workers) == (60_000, 2, 1)
    assert notice.wait == 0
    assert marketing.wait is None


def test_the_last_minutes_are_differences_of_counts_with_gaps_where_the_store_was_away() -> None:
    def counts(submits: int, delivered: int) -> Tallied:
        return Tallied(
            {("submits", "yisha", "otp", "answered", "0000"): submits, ("final", "otp", "delivered", "200"): delivered}
        )

    moved = movement([Sample(0, 5, counts(100, 50)), Sample(5, 6, counts(150, 90)), Sample(10), Sample(20, 0, counts(250, 190))])
    assert moved.waiting == [5, 6, None, 0]
    assert moved.rate == [10.0, None, None]
    assert moved.ended == {"delivered": 140}


def test_nothing_moved_before_the_first_sample_and_counts_that_fell_are_no_negative_rate() -> None:
    assert movement([]).ended == {}
    fallen = [Sample(0, 0, Tallied({("submits", "y", "otp", "a", "0"): 9})), Sample(5, 0, Tallied({}))]
    assert movement(fallen).rate == [0.0]
