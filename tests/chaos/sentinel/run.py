"""A run on several hosts, with servers that sentinels look after: load and faults, drain, the end, and the verdict.

Takes the run's arguments; returns its findings, and a diary of what was done when. For a process that is isolated.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from smsrelay.enqueue import Enqueuer
from smsrelay.store.traffic.campaigns import Campaigns
from smsrelay_worker.store.tallies import Tallies
from tests.chaos.faults.calm import Calm, calms, loud
from tests.chaos.faults.pulse import Pulse
from tests.chaos.judge.deadline import lateness
from tests.chaos.judge.drain import drain
from tests.chaos.judge.ending import watch_the_end
from tests.chaos.judge.evidence import gather
from tests.chaos.judge.judge import Offence
from tests.chaos.judge.recovery import waits
from tests.chaos.limits.caps import limits_text
from tests.chaos.limits.operator import Operator
from tests.chaos.limits.steering import steerings
from tests.chaos.load.plan import plan
from tests.chaos.run import DRAIN, TAIL, Diary, Run, wait_for
from tests.chaos.sentinel.app import Noted
from tests.chaos.sentinel.faults import of_others, of_servers
from tests.chaos.sentinel.gaps import gap_rows, gaps
from tests.chaos.sentinel.hand import SentinelHand
from tests.chaos.sentinel.servers import DOWN_AFTER
from tests.chaos.sentinel.stage import SentinelStage
from tests.chaos.stage.worker_logs import replaced
from tests.chaos.table import Findings
from tests.chaos.verdict import Seen, offences

_APPS_END = 120.0  # seconds after the load


def play_sentinel(run: Run) -> tuple[Findings, Diary]:
    """Run the load and the faults, drain, stop the workers, judge."""
    seconds, closed = run.minutes * 60, run.closed()
    stage = SentinelStage(run.folder, limits_text(closed), run.replicas, run.seed)
    with stage.running(), Pulse() as pulse:
        hand, operator = SentinelHand(stage), Operator(Enqueuer.connect(stage.settings()))
        quiet = calms(seconds)
        campaigns = list(steerings(quiet))
        wait_for(closed)
        started, began = time.monotonic(), time.time_ns() // 1_000_000
        stage.start_apps(plan(run.seed, seconds, run.rate, quiet, (), campaigns), started, seconds)
        operator.start(campaigns, started, seconds + DRAIN)
        _break(run, hand, quiet, started)
        stage.wait_for_apps(started + seconds + _APPS_END - time.monotonic())
        stage.thaw_all()
        steered, noted = operator.done(), stage.noted()
        sent = [one for app in noted for one in app.sent]
        print(f"{len(sent)} messages, {sum(hand.counts.values())} faults; draining …", flush=True)
        drained = drain(stage, DRAIN)
        ending = watch_the_end(stage)
        with stage.redis() as redis:
            cases, progress = gather(redis, stage.simulator, sent), Campaigns(redis).progress([one.campaign for one in steered])
            tallied = Tallies(redis).read()
        grips, harms = stage.grips(hand.kills), [*hand.harms, *pulse.standstills]
        surprises, tellings = _surprises(noted, operator), stage.sinks.tellings()
        seen = Seen(sent, cases, closed, steered, progress, tellings, drained, ending, grips, harms, surprises, tallied, ())
        found = _findings(run, stage, hand, seen, noted, _loads(began, quiet))
    return found, [*hand.diary, *operator.diary]


def _break(run: Run, hand: SentinelHand, quiet: Sequence[Calm], started: float) -> None:
    others = of_others(run.seed, run.minutes * 60 - TAIL, run.faults, run.every, quiet)
    breaking = threading.Thread(target=hand.play, args=(others, started))
    breaking.start()
    hand.play_servers(of_servers(run.seed, run.faults), quiet, started)
    breaking.join()


def _loads(began: int, quiet: Sequence[Calm]) -> list[tuple[int, int]]:
    return [(began + int(1000 * since), began + int(1000 * until)) for since, until in loud(quiet)]


def _surprises(noted: Iterable[Noted], operator: Operator) -> Counter[str]:
    return sum((one.surprises for one in noted), operator.surprises)


def _findings(
    run: Run, stage: SentinelStage, hand: SentinelHand, seen: Seen, noted: Sequence[Noted], loads: Sequence[tuple[int, int]]
) -> Findings:
    with stage.redis() as redis:
        valkey = str(redis.info("server").get("valkey_version", redis.info("server")["redis_version"]))
    ended = stage.ended + replaced(stage.workers)
    accepted = [one.accepted_at for one in seen.sent if one.accepted]
    arrived = [int(1000 * submit.seen.at) for case in seen.cases for submit in case.submits]
    return Findings(
        seed=run.seed,
        minutes=run.minutes,
        load=_size(run),
        valkey=valkey,
        rabbitmq=None,
        cases=seen.cases,
        sent=seen.sent,
        offences=[*offences(seen, run.folder, run.limited), *_of_processes(ended), *_of_servers(hand)],
        drained=seen.drained,
        ending=seen.ending,
        faults=hand.counts,
        ended=ended,
        asked_again=sum(one.asked_again for one in noted),
        late=lateness(seen.cases),
        tellings=seen.tellings,
        waits=waits(seen.cases, seen.grips),
        more=tuple(gap_rows(gaps(hand.done, accepted, arrived, loads))),
    )


def _of_processes(ended: Counter[str]) -> Iterator[Offence]:
    for what, times in ended.items():
        yield Offence(7, "", f"{what}, {times} times")


def _of_servers(hand: SentinelHand) -> Iterator[Offence]:
    for name in hand.never_whole:
        yield Offence(4, "", f"servers and sentinels did not find back to their places after: {name}")


def _size(run: Run) -> str:
    machines = f"3 machines with a server and a sentinel each (down after {DOWN_AFTER:g} s)"
    load = f"{run.rate:g} messages a second from 2 app hosts"
    return f"{load}, {machines}, 2 of them with a worker and a receiver; SMSRELAY_STORE_REPLICAS={run.replicas}"
