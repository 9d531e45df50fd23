"""A run on one host: load and faults, drain, the end, and the verdict.

Takes the run's arguments; returns its findings, and a diary of what was done when.
"""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from smsrelay.enqueue import Enqueuer
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay_worker.store.tallies import Tallies
from tests.chaos.faults.calm import calms
from tests.chaos.faults.faults import kinds_of, schedule
from tests.chaos.faults.hand import Hand
from tests.chaos.faults.pulse import Pulse
from tests.chaos.judge.deadline import lateness
from tests.chaos.judge.drain import drain
from tests.chaos.judge.ending import watch_the_end
from tests.chaos.judge.evidence import gather
from tests.chaos.judge.recovery import waits
from tests.chaos.limits.caps import OPEN_FIRST, ClosedPhase, limits_text
from tests.chaos.limits.operator import Operator
from tests.chaos.limits.steering import steerings
from tests.chaos.load.load import Load
from tests.chaos.load.plan import plan
from tests.chaos.stage.node import Node
from tests.chaos.stage.stage import Stage
from tests.chaos.stage.worker_logs import replaced
from tests.chaos.table import Findings
from tests.chaos.verdict import Seen, offences

DRAIN = 300.0  # seconds; a killed worker's task is redelivered after the visibility timeout of 120
TAIL = 5.0  # seconds of load after the last fault
_FOR_LIMITS = 2.0  # minutes in which each limit is met

Diary = list[tuple[int, str]]


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
    sentinel: bool = False  # several hosts, and servers that sentinels look after
    replicas: int = 0  # that must have a write before it counts
    nodes: int = 1  # of RabbitMQ

    @property
    def limited(self) -> bool:
        """Whether it is long enough for every limit to be met."""
        return self.minutes >= _FOR_LIMITS and not self.bursts

    def closed(self) -> ClosedPhase | None:
        """When marketing has to wait, from now on."""
        return ClosedPhase.ahead(time.time_ns() // 1_000_000) if self.limited else None


def play(run: Run) -> tuple[Findings, Diary]:
    """Run the load and the faults, drain, stop the workers, judge."""
    seconds, closed = run.minutes * 60, run.closed()
    node = Node(run.folder, run.nodes) if run.rabbitmq else None
    stage = Stage(run.folder, run.apart, limits_text(closed), node, seed=run.seed)
    with stage.running(), Pulse() as pulse:
        enqueuer = Enqueuer.connect(stage.settings())
        hand, load, operator = Hand(stage), Load(enqueuer, stage.simulator), Operator(enqueuer)
        kinds = [] if run.faults == "none" else kinds_of(run.faults, apart=run.apart, nodes=run.nodes if run.rabbitmq else 0)
        quiet = calms(seconds, run.bursts)
        faults, campaigns = schedule(run.seed, seconds - TAIL, kinds, run.every, quiet), list(steerings(quiet))
        wait_for(closed)
        started = time.monotonic()
        breaking = threading.Thread(target=hand.play, args=(faults, started))
        breaking.start()
        operator.start(campaigns, started, seconds + DRAIN)
        sent = load.play(plan(run.seed, seconds, run.rate, quiet, faults, campaigns), started, seconds + 30)
        breaking.join()
        stage.thaw_all()
        steered = operator.done()
        print(f"{len(sent)} messages, {sum(hand.done.values())} faults; draining …", flush=True)
        drained = drain(stage, DRAIN)
        ending = watch_the_end(stage)
        with stage.redis() as redis:
            cases, progress = gather(redis, stage.simulator, sent), Campaigns(redis).progress([one.campaign for one in steered])
            tallied = Tallies(redis).read()
        grips, harms = stage.grips(hand.kills), [*hand.harms, *pulse.standstills]
        surprises, tellings = load.surprises + operator.surprises, stage.sinks.tellings()
        seen = Seen(
            sent, cases, closed, steered, progress, tellings, drained, ending, grips, harms, surprises, tallied, hand.seen
        )
        found = _findings(run, stage, hand, load, seen)
    return found, [*hand.diary, *operator.diary]


def _findings(run: Run, stage: Stage, hand: Hand, load: Load, seen: Seen) -> Findings:
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
        offences=offences(seen, run.folder, run.limited),
        drained=seen.drained,
        ending=seen.ending,
        faults=hand.done,
        ended=stage.ended + replaced(stage.workers),
        asked_again=load.asked_again,
        late=lateness(seen.cases),
        tellings=seen.tellings,
        waits=waits(seen.cases, seen.grips),
    )


def _size(run: Run, stage: Stage) -> str:
    parts = f"{len(stage.workers)} workers of five processes, {len(stage.receivers)} receivers, 3 apps with sinks"
    broker = "RabbitMQ" if run.nodes == 1 else f"{run.nodes} nodes of RabbitMQ with {stage.members} members of each queue"
    ways = f"broker {broker}, store Valkey" if run.rabbitmq else f"broker and store at {'two URLs' if run.apart else 'one URL'}"
    return f"{run.rate:g} messages a second, {parts}, {ways}"


def wait_for(closed: ClosedPhase | None) -> None:
    """Begin the load when the send window is about to close, so that every run has the closed phase at the same place."""
    if closed is not None:
        time.sleep(max(0.0, closed.since / 1000 - OPEN_FIRST - time.time()))
