"""What status, doctor and console say is wrong with the relay, from what its store tells."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsrelay.broker.queues import QUEUES
from smsrelay.contract.lanes import OUTCOME_QUEUE, STATUS_QUEUE, Lane
from smsrelay.contract.send_window import SendWindow
from smsrelay.store.receiver_registry import ReceiverProcess
from smsrelay_worker.cli.status import first_line
from smsrelay_worker.operations.doctor.finding import Finding, Severity
from smsrelay_worker.operations.doctor.traffic.problems import problems
from smsrelay_worker.operations.doctor.traffic.waiting import spoken
from smsrelay_worker.operations.sinks import Condition, SinkOverview
from smsrelay_worker.operations.status import Flow, StatusOverview, closed_lanes
from smsrelay_worker.rate_limit.circuit import OpenCircuit
from smsrelay_worker.rate_limit.halt import OPERATOR, Halt
from smsrelay_worker.rate_limit.shared_rate import RateState
from smsrelay_worker.store.kept_counts import Kept
from smsrelay_worker.store.oldest_waiting import LaneWait, unmoved_since
from smsrelay_worker.store.worker_registry import WorkerProcess

NOW = 1_800_000_000_000
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
ERROR, WARNING = Severity.ERROR, Severity.WARNING
ALL = WorkerProcess("worker@one", "one", 1, tuple(QUEUES), NOW - HOUR)
BOUNDS = {Lane.OTP: 60.0, Lane.NOTICE: 600.0, Lane.MARKETING: 14_400.0}  # seconds
SINK = SinkOverview("shop.webhook", Condition.OK, None, 0, None, "", None)


def rate(halt: Halt | None = None, circuit: OpenCircuit | None = None) -> RateState:
    return RateState(100.0, False, 100.0, {}, None, halt, circuit)


def overview(**changed: object) -> StatusOverview:
    """Of a relay that is well."""
    well: dict[str, object] = {
        "rate": rate(),
        "waiting": dict.fromkeys(Lane, 0),
        "put_off": 0,
        "not_final": 0,
        "reports": 0,
        "dead": 0,
        "unlisted": {},
        "workers": (ALL,),
        "differences": (),
        "sinks": (SINK,),
        "wait_bounds": BOUNDS,
        "now": NOW,
    }
    return StatusOverview(**(well | changed))  # type: ignore[arg-type]


def said(found: Sequence[Finding]) -> list[tuple[Severity, str]]:
    return [(one.severity, one.check) for one in found]


def waiting(lane: Lane, count: int, seconds: int, unmoved: int | None = None) -> dict[str, object]:
    """A lane in which messages wait; ``unmoved``: for how many seconds no worker has taken any."""
    since = None if unmoved is None else NOW - unmoved * SECOND
    return {
        "waiting": dict.fromkeys(Lane, 0) | {lane: count},
        "oldest": {lane: LaneWait(NOW - seconds * SECOND, since)},
    }


def receiver(host: str, *, spooled: int | None = 0, silent: int = 1, clock: int | None = 0) -> ReceiverProcess:
    return ReceiverProcess("receiver", host, 7, NOW - HOUR, "a", spooled, NOW - MINUTE, clock, NOW - silent * SECOND)


def test_a_relay_that_is_well_has_no_problem_and_submits() -> None:
    assert problems(overview(receivers=(receiver("one"),))) == []
    assert first_line(overview()) == "submitting"


@given(st.sets(st.sampled_from(sorted(QUEUES))), st.dictionaries(st.sampled_from(list(Lane)), st.integers(1, 9)))
def test_every_queue_without_a_worker_is_named_and_one_with_work_is_an_error(taken: set[str], counts: dict[Lane, int]) -> None:
    workers = tuple(WorkerProcess(f"worker@{queue}", "one", 1, (queue,), NOW) for queue in taken)
    waits = overview(workers=workers, waiting=dict.fromkeys(Lane, 0) | counts)
    found = [one for one in problems(waits) if one.check == "workers"]
    missing = set(QUEUES) - taken
    owed = {lane.queue for lane in counts} & missing
    assert bool(found) is bool(missing)
    assert any(one.severity is ERROR for one in found) is bool(owed)
    for queue in owed:
        assert any(queue in one.problem and one.severity is ERROR for one in found)
    if taken:
        assert len(found) == len(missing)


def test_without_any_worker_nothing_is_submitted_though_nothing_waits_yet() -> None:
    none = overview(workers=())
    assert first_line(none) == "not submitting: no worker is alive"
    [found] = problems(none)
    assert found.severity is WARNING
    assert "`smsrelay worker`" in found.remedy


def test_workers_that_have_lost_the_broker_take_nothing() -> None:
    lost = overview(workers=(WorkerProcess("worker@one", "one", 1, (), NOW),), reports=3)
    [found] = problems(lost)
    assert (found.severity, lost.flow) == (ERROR, Flow.NO_WORKERS)
    assert "no worker is connected to the broker" in found.problem
    assert f"waiting: {STATUS_QUEUE} 3" in found.problem


def test_a_lane_that_nobody_takes_is_no_submitting() -> None:
    others = tuple(queue for queue in QUEUES if queue != Lane.MARKETING.queue)
    assert first_line(overview(workers=(WorkerProcess("a@one", "one", 1, others, NOW),))) == (
        "submitting, but not marketing: no worker takes it"
    )


def test_the_queue_of_outcomes_needs_a_worker_only_if_an_app_is_told() -> None:
    others = tuple(queue for queue in QUEUES if queue != OUTCOME_QUEUE)
    workers = (WorkerProcess("a@one", "one", 1, others, NOW),)
    assert problems(overview(workers=workers, sinks=())) == []
    assert said(problems(overview(workers=workers))) == [(WARNING, "workers")]


@pytest.mark.parametrize("lane", list(Lane))
def test_a_lane_may_wait_for_its_bound_and_no_longer(lane: Lane) -> None:
    bound = int(BOUNDS[lane])
    assert problems(overview(**waiting(lane, 2, bound))) == []
    [found] = problems(overview(**waiting(lane, 2, bound + 1)))
    assert found.severity is (ERROR if lane is Lane.OTP else WARNING)
    assert found.problem.startswith(f"{lane}: 2 messages wait, the oldest for ")
    assert f"smsrelay waiting --lane {lane}" in found.remedy


def test_who_runs_the_relay_says_how_long_a_lane_may_wait() -> None:
    patient = overview(**waiting(Lane.OTP, 2, 119), wait_bounds=BOUNDS | {Lane.OTP: 120.0})
    assert problems(patient) == []
    assert said(problems(replace(patient, wait_bounds=BOUNDS))) == [(ERROR, "waiting")]


def test_a_lane_of_which_nothing_is_taken_is_an_error() -> None:
    [found] = problems(overview(**waiting(Lane.MARKETING, 9, 5 * 3600, unmoved=120)))
    assert found.severity is ERROR
    assert "no worker has taken any for 30 s" in found.problem


def test_marketing_does_not_wait_while_its_window_is_closed() -> None:
    assert problems(overview(**waiting(Lane.MARKETING, 9, 5 * 3600), closed=(Lane.MARKETING,))) == []


def test_a_lane_is_closed_while_none_of_its_windows_is_open() -> None:
    day = SendWindow(Lane.MARKETING, "86", time(8), time(20), ZoneInfo("UTC"))
    night = SendWindow(Lane.MARKETING, "1", time(20), time(8), ZoneInfo("UTC"))
    noon = 12 * HOUR
    assert closed_lanes([day], noon) == ()
    assert closed_lanes([day], noon + 10 * HOUR) == (Lane.MARKETING,)
    assert closed_lanes([day, night], noon + 10 * HOUR) == ()


def test_the_place_taken_last_tells_since_when_nothing_was_taken() -> None:
    marks = ["900 7 9", "700 7 9", "500 6 8", "300 7 7"]
    assert unmoved_since("7", marks) == 700
    assert unmoved_since("8", marks) is None
    assert unmoved_since("7", []) is None


def test_reports_that_nobody_applies_are_an_error() -> None:
    assert problems(overview(reports=4, oldest_report=NOW - 100 * SECOND)) == []
    [found] = problems(overview(reports=4, oldest_report=NOW - 300 * SECOND))
    assert (found.severity, found.check) == (ERROR, "reports")
    assert "4 reports are received and not applied, the oldest for 5 min" in found.problem


@pytest.mark.parametrize(
    ("changed", "flow", "line"),
    [
        ({"unwritable": "OOM: full"}, Flow.STORE_REFUSES, "not submitting: the store refuses writes (OOM: full), so nothing"),
        ({"rate": rate(Halt(NOW, OPERATOR))}, Flow.HALTED, "halted by an operator since "),
        ({"rate": rate(Halt(NOW, "A400AC"))}, Flow.HALTED, "halted since "),
        ({"rate": rate(None, OpenCircuit(NOW, NOW))}, Flow.CIRCUIT_OPEN, "circuit open since "),
    ],
)
def test_what_stops_every_message_is_the_first_line_and_an_error(changed: dict[str, object], flow: Flow, line: str) -> None:
    stopped = overview(**changed)
    assert stopped.flow is flow
    assert first_line(stopped).startswith(line)
    assert [one.severity for one in problems(stopped)] == [ERROR]
    assert "`smsrelay" in problems(stopped)[0].remedy


def test_a_full_store_comes_before_a_halt() -> None:
    both = overview(unwritable="OOM", rate=rate(Halt(NOW, OPERATOR)), workers=())
    assert both.flow is Flow.STORE_REFUSES
    assert said(problems(both)) == [(ERROR, "store"), (ERROR, "halted"), (WARNING, "workers")]


def test_what_cannot_be_read_is_a_warning_and_an_error_while_it_grows() -> None:
    few = overview(kept=Kept(jobs=40, jobs_lately=1, callbacks=2))
    assert said(problems(few)) == [(WARNING, "undecodable"), (WARNING, "callbacks")]
    found = problems(overview(kept=Kept(jobs=40, jobs_lately=10, callbacks=2, callbacks_lately=10)))
    assert said(found) == [(ERROR, "undecodable"), (ERROR, "callbacks")]
    assert "40 unreadable jobs or tasks are kept, 10+ of them in the last hour" in found[0].problem


@pytest.mark.parametrize(("ahead", "severity"), [(900, None), (-1500, WARNING), (31_000, ERROR), (None, None)])
def test_hosts_tell_how_far_their_clocks_are_apart(ahead: int | None, severity: Severity | None) -> None:
    found = problems(overview(receivers=(receiver("web1", clock=ahead), receiver("web2"))))
    assert [one.severity for one in found] == ([severity] if severity else [])
    for one in found:
        assert one.problem.startswith("the clock of web1 is ")


def test_reports_in_a_spool_are_a_warning_and_those_of_a_silent_receiver_an_error() -> None:
    living, silent = receiver("web1", spooled=3), receiver("web2", spooled=5, silent=60)
    assert said(problems(overview(receivers=(living,)))) == [(WARNING, "spool")]
    assert said(problems(overview(receivers=(living, silent)))) == [(ERROR, "spool"), (WARNING, "spool")]
    assert said(problems(overview(receivers=(silent,)))) == [(ERROR, "receivers"), (ERROR, "spool")]
    assert said(problems(overview(receivers=(receiver("web1", spooled=None),)))) == [(ERROR, "spool")]


def test_a_receiver_that_was_replaced_on_the_same_spool_is_no_problem() -> None:
    assert problems(overview(receivers=(receiver("web1", spooled=5, silent=60), receiver("web1")))) == []


def test_a_code_without_a_row_is_a_warning() -> None:
    [found] = problems(overview(unlisted={"777": 3}))
    assert (found.severity, "777" in found.problem) == (WARNING, True)


@pytest.mark.parametrize(("seconds", "text"), [(75, "75 s"), (300, "5 min"), (18_600, "5 h 10 min")])
def test_durations_are_said_as_people_say_them(seconds: int, text: str) -> None:
    assert spoken(seconds) == text
