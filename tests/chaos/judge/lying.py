"""Lost answers: the vendor gave them, nothing prevented recording them, and yet they were recorded late or never.

An answer that is never recorded ends with the attempt's lease, and an otp is then submitted a second time. So a lease that runs
out is in order only where the process that held the attempt, or its way to the store, was harmed.

Pure. Takes cases, what each worker process held, and every harm; returns offences.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from smsrelay.messages.record import Entry
from tests.chaos.faults.harm import FOR_EVER, Harm, longest_unharmed
from tests.chaos.judge.begins import begins
from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.stage.grip import Grip
from tests.chaos.windows import CONNECT_TIMEOUT, LEASE, READ_TIMEOUT, STALL

LEASE_RAN_OUT = "lease ran out"
_ANSWERS = ("submit.", "class.", "answer")
_EARLIER = "answer of an earlier begin"
_KNOWN = 1000 * READ_TIMEOUT  # ms from a submit's arrival until its worker knows what came of it, at most
_NOT_SENT = 1000 * (STALL + CONNECT_TIMEOUT)  # ms from a begin until its worker knows that nothing arrived
_PATIENCE = 6_000  # undisturbed ms within which an answer must be recorded
_CLOCKS = 1_000  # ms between what observers note and the store


@dataclass(frozen=True, slots=True)
class _Begun:
    """A begin of an attempt. Instants in ms."""

    at: int
    pids: Collection[int]  # the processes that may have been the one that began it; none: nobody knows
    arrived: int | None  # at the vendor


def left_lying(cases: Iterable[Case], grips: Iterable[Grip], harms: Sequence[Harm]) -> list[Offence]:
    """An offence for each answer recorded late, and for each lease that expired, without a fault to explain it."""
    held: dict[str, list[Grip]] = defaultdict(list)
    for grip in grips:
        held[grip.message_id].append(grip)
    return [offence for case in cases for offence in _of(case, held[case.message_id], harms)]


def _of(case: Case, grips: Sequence[Grip], harms: Sequence[Harm]) -> Iterator[Offence]:
    timeline = case.record.timeline if case.record is not None else ()
    for place, line in enumerate(timeline):
        begun = _begun(case, timeline[:place], line, grips)
        if begun is None or not begun.pids:
            continue
        known = begun.at + _NOT_SENT if begun.arrived is None else begun.arrived + _KNOWN
        if line.rule == LEASE_RAN_OUT:
            if longest_unharmed(harms, begun.pids, known, begun.at + 1000 * LEASE) > _PATIENCE:
                again = any(one.attempt > line.attempt for one in begins(timeline[place:]))
                yield _dropped(case, line.attempt, begun, again)
        elif line.rule.startswith(_ANSWERS) and longest_unharmed(harms, begun.pids, known, line.at) > _PATIENCE:
            waited = (line.at - known) / 1000
            yield Offence(6, case.message_id, f"the answer to attempt {line.attempt} lay for {waited:.1f} s or more")


def _dropped(case: Case, attempt: int, begun: _Begun, again: bool) -> Offence:
    came = "which had arrived" if begun.arrived is not None else "which had not arrived"
    said = f"attempt {attempt}, {came}, was abandoned although its process was not harmed and the store answered"
    return Offence(2 if again else 6, case.message_id, f"{said}; and was submitted again" if again else said)


def _begun(case: Case, before: Sequence[Entry], line: Entry, grips: Sequence[Grip]) -> _Begun | None:
    """The begin that a line is about; an answer of an earlier begin is about one of those before the last."""
    at = [one.at for one in begins(before) if one.attempt == line.attempt]
    if line.rule == _EARLIER:
        at = at[:-1]
    if not at:
        return None
    arrivals = [int(one.seen.at * 1000) for one in case.submits if one.attempt == line.attempt]
    arrived = [one for one in arrivals if at[-1] - _CLOCKS <= one <= line.at + _CLOCKS]
    mine = at if line.rule == _EARLIER else at[-1:]
    return _Begun(at[-1], frozenset(pid for one in mine for pid in _holders(grips, one)), arrived[-1] if arrived else None)


def _holders(grips: Iterable[Grip], at: int) -> frozenset[int]:
    """Every process that held the message at an instant."""
    return frozenset(
        grip.pid for grip in grips if grip.since - _CLOCKS <= at <= (FOR_EVER if grip.until is None else grip.until) + _CLOCKS
    )
