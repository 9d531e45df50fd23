"""The Markdown table printed at the end of a run.

Takes all findings; returns text that can go into docs/benchmarks unchanged.
"""

import os
import platform
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.chaos.judge.begins import begins
from tests.chaos.judge.drain import Drained
from tests.chaos.judge.ending import Ending
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.judge.recovery import Waits, settled, unknown
from tests.chaos.limits.numbers import limit_rows
from tests.chaos.load.load import Sent
from tests.chaos.sinks.numbers import outcome_rows
from tests.chaos.sinks.telling import Telling

_CONDITIONS = {
    1: "every accepted message in exactly one final state that agrees with the simulator",
    2: "no attempt twice, every further one with an allowed reason",
    3: "every report answered 200 applied",
    4: "drained without help after the last fault",
    5: "nothing submitted past its deadline",
    6: "no answer of the vendor left lying",
    7: "receivers ready; every worker process listed, with empty hands, and stopped when told to",
    8: "apps, callbacks and commands are told of an outage in the documented way",
    9: "every final state of an app with a sink told to it at least once, with its last revision",
    10: "nothing told that did not happen",
    11: "at no number more submits in any window than its cap allows; no code recorded that was refused for it",
    12: "no marketing submitted while its send window is closed",
    13: "campaigns: nothing begun while paused, no message after its cancel; their counts are true",
    14: "no number and no parameter in the store's files and in logs",
    15: "the store's counts are those of the records, and as far as a run can know those of the simulator",
}


@dataclass(frozen=True, slots=True)
class Findings:
    """A run's parameters and its results."""

    seed: int
    minutes: float
    load: str
    valkey: str
    rabbitmq: str | None  # its version, where it is the broker
    cases: Sequence[Case]
    sent: Sequence[Sent]
    offences: Sequence[Offence]
    drained: Drained
    ending: Ending
    faults: Mapping[str, int]
    ended: Mapping[str, int]  # parts that ended by themselves
    asked_again: int
    late: Sequence[int]  # ms past their deadline, of submits
    tellings: Sequence[Telling]
    waits: Waits
    more: Sequence[str] = ()  # lines of a further table


def table(findings: Findings) -> str:
    """The whole table."""
    parts = [_conditions(findings), _messages(findings), _numbers(findings), _faults(findings)]
    return "\n\n".join("\n".join(lines) for lines in (*parts, findings.more) if lines)


def _conditions(findings: Findings) -> Iterator[str]:
    broken = Counter(offence.condition for offence in findings.offences)
    yield "| condition | held |"
    yield "|---|---|"
    for number, text in _CONDITIONS.items():
        yield f"| {number}. {text} | {f'**NO: {broken[number]} offences**' if broken[number] else 'yes'} |"


def _messages(findings: Findings) -> Iterator[str]:
    counts = Counter((case.record.lane, case.record.state) for case in findings.cases if case.record is not None)
    states = [state for state in State if any(counts[lane, state] for lane in Lane)]
    yield "| lane | messages | " + " | ".join(state.value for state in states) + " |"
    yield "|---|" + "---:|" * (len(states) + 1)
    for lane in Lane:
        row = [counts[lane, state] for state in states]
        yield f"| {lane.value} | {sum(row)} | " + " | ".join(map(str, row)) + " |"


def _numbers(findings: Findings) -> Iterator[str]:
    cases = findings.cases
    outcomes = Counter(submit.seen.outcome for case in cases for submit in case.submits)
    begun = sum(len(begins(case.record.timeline)) for case in cases if case.record)
    answered = Counter("no answer" if one.http == 0 else str(one.http) for case in cases for _, one in case.callbacks)
    told = sum(len(case.told) for case in cases)
    missing = sum(offence.condition == 3 for offence in findings.offences)
    yield "| what | number |"
    yield "|---|---|"
    yield f"| seed, minutes of faults | {findings.seed}, {findings.minutes:g} |"
    yield f"| load | {findings.load} |"
    yield f"| machine | {_machine()} |"
    yield f"| versions | {_versions(findings)} |"
    yield f"| accepted (a call returned) | {sum(case.owed for case in cases)}; the app asked {findings.asked_again} times again |"
    yield f"| **lost** | **{_counted(findings, 'lost')}** |"
    yield f"| **submitted twice** | **{_counted(findings, 'was submitted', 'times')}** |"
    yield f"| **answers left lying** | **{_counted(findings, 'lay for')}** |"
    yield f"| **attempts abandoned for no reason** | **{_counted(findings, 'abandoned')}** |"
    yield f"| **submitted past the deadline** | **{_counted(findings, 'past the deadline')}**; {_wire(findings.late)} |"
    yield f"| worker processes told to stop at the end | {_stopped(findings.ending)} |"
    yield f"| attempts begun | {begun} |"
    yield f"| submits at the vendor | {_listed(outcomes)} |"
    yield f"| uncertain, and how settled | {_listed(settled(cases))} |"
    yield f"| unknown, by what the vendor had done | {_listed(unknown(cases))} |"
    yield f"| tries of callbacks by answer | {_listed(answered)} |"
    yield f"| reports answered 200, of which applied | {told}, {told - missing} |"
    yield from limit_rows(cases, findings.sent, findings.offences)
    yield from outcome_rows(cases, findings.tellings, findings.offences)
    yield f"| drained after the last fault | {_drained(findings.drained)} |"
    for kind, seconds in sorted(findings.waits.items()):
        yield f"| {kind} | {_spread(seconds)} |"


def _faults(findings: Findings) -> Iterator[str]:
    yield "| fault | times |"
    yield "|---|---:|"
    for what, count in (*findings.faults.items(), *findings.ended.items()):
        yield f"| {what} | {count} |"


def _counted(findings: Findings, *words: str) -> int:
    return sum(all(word in offence.text for word in words) for offence in findings.offences)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items(), key=lambda one: -one[1])) or "none"


def _spread(seconds: Iterable[float]) -> str:
    found = sorted(seconds)
    return f"{len(found)} times; median {statistics.median(found):.1f} s, max {found[-1]:.1f} s"


def _drained(drained: Drained) -> str:
    if drained.empty_after is None:
        return "no: " + ", ".join(drained.left)
    return f"every message final after {drained.final_after:.0f} s, every queue empty after {drained.empty_after:.0f} s"


def _wire(late: Sequence[int]) -> str:
    return f"{len(late)} arrived past it, by {max(late)} ms at most" if late else "none arrived past it"


def _stopped(ending: Ending) -> str:
    took = [seconds for seconds in ending.stopped_after.values() if seconds is not None]
    within = f", the last after {max(took):.1f} s" if took else ""
    return f"{len(took)} of {len(ending.stopped_after)} stopped{within}"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores {names[0] if names else platform.machine()}, {platform.system()} {platform.release()}"


def _versions(findings: Findings) -> str:
    named = ", ".join(f"{name} {version(name)}" for name in ("celery", "kombu", "redis"))
    broker = f", RabbitMQ {findings.rabbitmq}" if findings.rabbitmq else ""
    return f"Python {platform.python_version()}, {named}, Valkey {findings.valkey} (AOF, always){broker}"
