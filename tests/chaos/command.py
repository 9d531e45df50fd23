"""``python -m tests.chaos --minutes 5 --seed 7``: a whole run, from starting the processes to printing the table.

Prints the table on standard output and exits 0 only when every condition held. Otherwise it also prints the offending timelines,
and keeps a folder with all of them and the logs of every process.
"""

import argparse
import logging
import secrets
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from smsrelay.enqueue import Enqueuer
from smsrelay.messages.progress import CampaignProgress
from smsrelay.store.traffic.campaigns import Campaigns
from tests.chaos.dump import dump
from tests.chaos.faults.calm import calms
from tests.chaos.faults.faults import EVERY, kinds_of, schedule
from tests.chaos.faults.hand import Hand
from tests.chaos.faults.pulse import Pulse
from tests.chaos.judge.deadline import lateness, too_late
from tests.chaos.judge.drain import Drained, drain
from tests.chaos.judge.ending import Ending, offences_of, watch_the_end
from tests.chaos.judge.evidence import Case, gather
from tests.chaos.judge.judge import Offence, judge
from tests.chaos.judge.lying import left_lying
from tests.chaos.judge.recovery import waits
from tests.chaos.judge.rows import read_rows
from tests.chaos.limits.campaigns import misled
from tests.chaos.limits.caps import OPEN_FIRST, ClosedPhase, limits_text
from tests.chaos.limits.disk import exposed
from tests.chaos.limits.judge import at_closed_hours, over_caps
from tests.chaos.limits.numbers import shown
from tests.chaos.limits.operator import Operator, Steered
from tests.chaos.limits.steering import steerings
from tests.chaos.load.load import Load, Sent
from tests.chaos.load.plan import plan
from tests.chaos.sinks.judge import judge_tellings
from tests.chaos.sinks.telling import Telling
from tests.chaos.stage.node import Node
from tests.chaos.stage.receiving import misanswered
from tests.chaos.stage.stage import Stage
from tests.chaos.stage.worker_logs import replaced
from tests.chaos.table import Findings, table
from tests.chaos.windows import short_policy

_DRAIN = 300.0  # seconds; a killed worker's task is redelivered after the visibility timeout of 120
_TAIL = 5.0  # seconds of load after the last fault
_FOR_LIMITS = 2.0  # minutes in which each limit is met


@dataclass(frozen=True, slots=True)
class Seen:
    """What is judged: the messages, the campaigns, what the sinks were told, the drain and the end."""

    sent: list[Sent]
    cases: list[Case]
    closed: ClosedPhase | None  # of the send window
    steered: list[Steered]
    progress: list[CampaignProgress]
    tellings: list[Telling]
    drained: Drained
    ending: Ending


@dataclass(frozen=True, slots=True)
class Run:
    """One run's arguments."""

    minutes: float
    seed: int
    rate: float
    faults: str  # kinds whose name starts with this; "none": none
    every: float  # mean seconds between faults
    bursts: bool  # and silences alone
    apart: bool  # broker and store have separate URLs
    rabbitmq: bool  # the broker is RabbitMQ; implies ``apart``
    folder: Path = field(repr=False)
    keep: bool  # keep the folder even when every condition held

    @property
    def limited(self) -> bool:
        """Whether it is long enough for every limit to be met."""
        return self.minutes >= _FOR_LIMITS and not self.bursts


def main() -> None:
    """Run, print, and end with 0 or 1."""
    run = _run()
    print(f"chaos: {run.minutes:g} minutes, CHAOS_SEED={run.seed}, logs in {run.folder}", flush=True)
    run.folder.mkdir(parents=True, exist_ok=True)
    _logs(run.folder / "app.log")
    findings, diary = play(run)
    (run.folder / "diary.txt").write_text("".join(f"{at} {what}\n" for at, what in sorted(diary)), encoding="utf-8")
    print("\n" + table(findings) + "\n", flush=True)
    if findings.offences:
        print(dump(run.folder / "offences", findings.cases, findings.offences, diary, findings.tellings))
        print(f"\n{len(findings.offences)} offences; every timeline and log: {run.folder}; again: CHAOS_SEED={run.seed}")
        sys.exit(1)
    if not run.keep:
        shutil.rmtree(run.folder)


def play(run: Run) -> tuple[Findings, list[tuple[int, str]]]:
    """Run the load and the faults, drain, stop the workers, judge."""
    seconds = run.minutes * 60
    closed = ClosedPhase.ahead(time.time_ns() // 1_000_000) if run.limited else None
    stage = Stage(run.folder, run.apart, limits_text(closed), Node(run.folder) if run.rabbitmq else None, seed=run.seed)
    with stage.running(), Pulse() as pulse:
        enqueuer = Enqueuer.connect(stage.settings())
        hand, load, operator = Hand(stage), Load(enqueuer, stage.simulator), Operator(enqueuer)
        kinds = [] if run.faults == "none" else kinds_of(run.faults, apart=run.apart, rabbitmq=run.rabbitmq)
        quiet = calms(seconds, run.bursts)
        faults, campaigns = schedule(run.seed, seconds - _TAIL, kinds, run.every, quiet), list(steerings(quiet))
        _wait_for(closed)
        started = time.monotonic()
        breaking = threading.Thread(target=hand.play, args=(faults, started))
        breaking.start()
        operator.start(campaigns, started, seconds + _DRAIN)
        sent = load.play(plan(run.seed, seconds, run.rate, quiet, faults, campaigns), started, seconds + 30)
        breaking.join()
        stage.thaw_all()
        steered = operator.done()
        print(f"{len(sent)} messages, {sum(hand.done.values())} faults; draining …", flush=True)
        drained = drain(stage, _DRAIN)
        ending = watch_the_end(stage)
        with stage.redis() as redis:
            cases, progress = gather(redis, stage.simulator, sent), Campaigns(redis).progress([one.campaign for one in steered])
        seen = Seen(sent, cases, closed, steered, progress, stage.sinks.tellings(), drained, ending)
        offences = [*_offences(seen, stage, hand, load, pulse), *_offences_of_limits(run, seen, operator)]
        found = _findings(run, stage, hand, load, seen, offences)
    return found, [*hand.diary, *operator.diary]


def _findings(run: Run, stage: Stage, hand: Hand, load: Load, seen: Seen, offences: list[Offence]) -> Findings:
    with stage.redis() as redis:
        valkey = str(redis.info("server").get("valkey_version", redis.info("server")["redis_version"]))
    return Findings(
        seed=run.seed,
        minutes=run.minutes,
        load=_size(run, stage),
        valkey=valkey,
        rabbitmq=stage.node.version() if stage.node else None,
        cases=seen.cases,
        sent=seen.sent,
        offences=offences,
        drained=seen.drained,
        ending=seen.ending,
        faults=hand.done,
        ended=stage.ended + replaced(stage.workers),
        asked_again=load.asked_again,
        late=lateness(seen.cases),
        tellings=seen.tellings,
        waits=waits(seen.cases, stage.grips(hand.kills)),
    )


def _size(run: Run, stage: Stage) -> str:
    parts = f"{len(stage.workers)} workers of five processes, {len(stage.receivers)} receivers, 3 apps with sinks"
    ways = "broker RabbitMQ, store Valkey" if run.rabbitmq else f"broker and store at {'two URLs' if run.apart else 'one URL'}"
    return f"{run.rate:g} messages a second, {parts}, {ways}"


def _offences(seen: Seen, stage: Stage, hand: Hand, load: Load, pulse: Pulse) -> list[Offence]:
    cases = seen.cases
    grips = stage.grips(hand.kills)
    nothing = [] if any(case.submits for case in cases) else [Offence(1, "", "nothing was submitted: the run shows nothing")]
    if not grips:
        nothing.append(
            Offence(6, "", "nobody was seen with a message in hand: the run does not show whose answers were left lying")
        )
    if not any(telling.processed for telling in seen.tellings):
        nothing.append(Offence(9, "", "no sink was told anything: the run does not show whether outcomes are told"))
    return [
        *nothing,
        *judge(cases, read_rows(short_policy())),
        *(Offence(4, "", f"left over: {what}") for what in seen.drained.left),
        *too_late(cases),
        *left_lying(cases, grips, [*hand.harms, *pulse.standstills]),
        *offences_of(seen.ending),
        *(Offence(8, "", f"{said}, {times} times") for said, times in load.surprises.items()),
        *(Offence(8, "", said) for said in hand.seen),
        *misanswered(cases),
        *judge_tellings(cases, seen.tellings),
    ]


def _offences_of_limits(run: Run, seen: Seen, operator: Operator) -> list[Offence]:
    return [
        *over_caps(seen.cases),
        *at_closed_hours(seen.cases, seen.closed),
        *misled(seen.cases, seen.steered, seen.progress),
        *(Offence(8, "", f"{said}, {times} times") for said, times in operator.surprises.items()),
        *exposed(run.folder),
        *(shown(seen.cases, seen.sent) if run.limited else ()),
    ]


def _wait_for(closed: ClosedPhase | None) -> None:
    """Begin the load when the send window is about to close, so that every run has the closed phase at the same place."""
    if closed is not None:
        time.sleep(max(0.0, closed.since / 1000 - OPEN_FIRST - time.time()))


def _logs(file: Path) -> None:
    """Send the load app's log to a file."""
    logging.basicConfig(filename=file, format="%(asctime)s %(message)s")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file.open("a", encoding="utf-8")))


def _run() -> Run:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break everything, and count what was lost.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="of load and faults; default: a new one")
    parser.add_argument("--rate", type=float, default=50.0, help="messages a second")
    parser.add_argument("--faults", default="", help="only kinds whose name begins so, or none")
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between faults, on average")
    parser.add_argument("--bursts", action="store_true", help="bursts and silences alone: neither the usual load nor faults")
    parser.add_argument("--apart", action="store_true", help="reach broker and store at two URLs, each with faults of its own")
    parser.add_argument("--broker", choices=("valkey", "rabbitmq"), default="valkey", help="rabbitmq: a node of it, always apart")
    parser.add_argument(
        "--folder", type=Path, default=None, help="for data and logs, kept; default: a new one, kept when something failed"
    )
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    folder = given.folder or Path(tempfile.mkdtemp(prefix="smsrelay-chaos-"))
    rabbitmq = given.broker == "rabbitmq"
    return Run(
        minutes=given.minutes,
        seed=seed,
        rate=given.rate,
        faults=given.faults,
        every=given.every,
        bursts=given.bursts,
        apart=given.apart or rabbitmq,
        rabbitmq=rabbitmq,
        folder=folder,
        keep=given.folder is not None,
    )
