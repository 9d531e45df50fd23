"""Measures how long messages affected by a fault had to wait. Pure.

Takes the cases, the kills, and the messages each killed worker held; returns the waits in seconds by cause, and how uncertain
attempts were settled. Instants are epoch ms, on the single clock of the machine that runs everything.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from smsrelay.contract.state import State
from smsrelay.messages.record import Entry
from tests.chaos.judge.evidence import Case
from tests.chaos.stage.grip import Grip

HELD = "wake-up held by a killed worker, until begun"
IN_FLIGHT = "attempt in flight at a worker's kill, until settled or known to be uncertain"
UNPUBLISHED = "recorded and never published, until begun"
SLOW_CHUNK = "above 10 s in a worker's hands: behind slow answers of its chunk, or through a kill"
LONG_WAIT = "any other wake-up above 10 s: lost on its way, or store or broker away"
_LONG = 10_000  # ms
_LIMITED = ("cap ", "window marketing", "halted campaign")  # it waits because it has to
_PUT_OFF = ("rate", "not_before", "halted", "class.", *_LIMITED)

Waits = Mapping[str, list[float]]


def waits(cases: Sequence[Case], grips: Sequence[Grip]) -> Waits:
    """Waits in seconds, by kind."""
    found: dict[str, list[float]] = defaultdict(list)
    by_id = {case.message_id: case for case in cases}
    held: dict[str, list[Grip]] = defaultdict(list)
    for grip in grips:
        held[grip.message_id].append(grip)
        record = by_id[grip.message_id].record if grip.message_id in by_id else None
        if grip.killed and grip.until is not None and record is not None:
            for kind, line in _after_kill(record.timeline, grip.until):
                found[kind].append((line.at - grip.until) / 1000)
    for case in cases:
        for wait, line in _begins(case):
            if case.sent is not None and case.sent.planned.unpublished and line.attempt == 1:
                found[UNPUBLISHED].append(wait / 1000)
            elif wait > _LONG:
                in_hand = any(_in_hand(grip, line.at - wait, line.at) for grip in held[case.message_id])
                found[SLOW_CHUNK if in_hand else LONG_WAIT].append(wait / 1000)
    return found


def _in_hand(grip: Grip, since: int, until: int) -> bool:
    """Whether a living worker held it for most of the wait, or a killed one for part of it."""
    end = until if grip.until is None else min(grip.until, until)
    return end - max(grip.since, since) > (0 if grip.killed else (until - since) / 2)


def _after_kill(timeline: Sequence[Entry], at: int) -> Iterator[tuple[str, Entry]]:
    """What happened next to a message that was in hand at the kill."""
    before = [line for line in timeline if line.at <= at]
    after = [line for line in timeline if line.at > at]
    if not before or not after:
        return
    if before[-1].state is State.QUEUED and after[0].state is State.SUBMITTING and not before[-1].rule.startswith(_LIMITED):
        yield HELD, after[0]
    elif before[-1].state is State.SUBMITTING:
        yield IN_FLIGHT, after[0]


def _begins(case: Case) -> Iterator[tuple[int, Entry]]:
    """Each begin, with how long (ms) it had been due."""
    timeline = case.record.timeline if case.record is not None else ()
    for before, line in pairwise(timeline):
        if line.state is State.SUBMITTING and before.state is State.QUEUED and not before.rule.startswith(_PUT_OFF):
            yield line.at - before.at, line


def unknown(cases: Iterable[Case]) -> Counter[str]:
    """What the vendor had done with the messages that ended as unknown."""
    ended = [case for case in cases if case.record is not None and case.record.state is State.UNKNOWN]
    return Counter(_vendors_part(case) for case in ended)


def _vendors_part(case: Case) -> str:
    last = case.record.attempt if case.record is not None else 0
    outcomes = {submit.seen.outcome for submit in case.submits if submit.attempt == last}
    if any(attempt == last for attempt, _ in case.told):
        return "reported something undecided"
    if any(attempt == last for attempt, _ in case.tried):
        return "reported, and was never answered 200"
    return "took the SMS and never reported" if "accepted" in outcomes else f"last attempt: {', '.join(outcomes) or 'never came'}"


def settled(cases: Iterable[Case]) -> Counter[str]:
    """How the attempts that became uncertain were settled."""
    return Counter(how for case in cases if case.record is not None for how in _settled(case.record.timeline))


def _settled(timeline: Sequence[Entry]) -> Iterator[str]:
    for place, line in enumerate(timeline):
        if line.state is State.UNCERTAIN and (place == 0 or timeline[place - 1].state is not State.UNCERTAIN):
            ending = next((one for one in timeline[place + 1 :] if one.state is not State.UNCERTAIN), None)
            yield _named(ending)


def _named(ending: Entry | None) -> str:
    if ending is None:
        return "not settled"
    if ending.rule.startswith("status."):
        return "by a report"
    if ending.rule.startswith("uncertain."):
        return "window over, submitted once more (otp)"
    return "by the report deadline" if ending.rule == "no report in time" else f"by {ending.rule}"
