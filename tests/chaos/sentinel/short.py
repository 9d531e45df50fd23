"""``python -m tests.chaos.sentinel.short FOLDER``: one split brain, without chance, in less than a minute.

The machine of the primary, with a worker on it, is cut off from the others for longer than a failover takes, while messages fall
due that both sides know, and both workers reach the vendor. Ends with 0 if every accepted message was submitted once and ended in
order; else prints why.
"""

import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from smsrelay.contract.lanes import Lane
from tests.chaos.faults.faults import Fault
from tests.chaos.hosts.isolation import is_isolated, isolate
from tests.chaos.judge.drain import drain
from tests.chaos.judge.evidence import Case, gather
from tests.chaos.judge.judge import judge
from tests.chaos.judge.rows import read_rows
from tests.chaos.limits.caps import limits_text
from tests.chaos.load.behaviour import BEHAVIOURS, Behaviour
from tests.chaos.load.planned import Batch, Planned
from tests.chaos.sentinel.faults import SERVERS
from tests.chaos.sentinel.hand import SentinelHand
from tests.chaos.sentinel.stage import SentinelStage
from tests.chaos.stage.ground import until
from tests.chaos.windows import short_policy

_MESSAGES, _WITHIN_FIRST = 120, 1.5  # all enqueued within so many seconds, before the cut
_DUE = (3.0, 9.0)  # seconds after that
_CUT = ("primary's machine cut off", 8.0)  # what, and for how long
_VENDOR = ("200", "203+200", "503/200")  # what it does with a message; each is reported
_WITHIN = 60.0  # seconds to drain


def main() -> None:
    """Run, and end with 0 or 1."""
    folder = Path(sys.argv[1])
    if not is_isolated():
        isolate("tests.chaos.sentinel.short", sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    stage = SentinelStage(folder, limits_text(None), replicas=1, seed=1)
    with stage.running():
        cases, wrong = _played(stage)
    submits = sum(len(case.submits) for case in cases)
    print(f"{sum(case.owed for case in cases)} accepted, {submits} submits; wrong: {wrong}")
    sys.exit(bool(wrong) or not submits)


def _played(stage: SentinelStage) -> tuple[list[Case], list[str]]:
    hand = SentinelHand(stage)
    [kind] = [kind for kind in SERVERS if kind.name == _CUT[0]]
    started = time.monotonic()
    stage.start_apps(_batches(), started, _CUT[1])
    until(lambda: sum(len(app.sent) for app in stage.noted()) == _MESSAGES, "an answer", _WITHIN)
    hand.play([Fault(0.0, kind, _CUT[1], 0.0)], time.monotonic())
    stage.wait_for_apps(_WITHIN)
    stage.thaw_all()
    drained = drain(stage, _WITHIN)
    sent = [one for app in stage.noted() for one in app.sent]
    with stage.redis() as redis:
        cases = gather(redis, stage.simulator, sent)
    failed_over = [] if stage.servers.primary() != stage.machines[0] else ["no other server became the primary"]
    offences = [f"{offence.text} ({offence.message_id})" for offence in judge(cases, read_rows(short_policy()))]
    return cases, [*offences, *drained.left, *failed_over]


def _batches() -> Sequence[Batch]:
    told = [behaviour for behaviour in BEHAVIOURS if behaviour.name in _VENDOR]
    chance = random.Random(1)
    return [Batch(_WITHIN_FIRST * place / _MESSAGES, (_message(place, chance, told),)) for place in range(_MESSAGES)]


def _message(place: int, chance: random.Random, told: Sequence[Behaviour]) -> Planned:
    """One that is due while the two sides know nothing of each other."""
    due = chance.uniform(*_DUE)
    return Planned(f"+861390{place:07d}", f"short-{place}", chance.choice(list(Lane)), chance.choice(told), not_before=due)


if __name__ == "__main__":
    main()
