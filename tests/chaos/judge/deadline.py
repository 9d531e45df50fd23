"""Deadlines: how long after its deadline a submit arrived at the vendor.

Pure. Takes cases; returns offences, and the lateness of every late submit in milliseconds. The simulator's clock is the store's,
since both run on one machine. What a request spends on the wire, from the last look at the deadline to its arrival, is allowed.
"""

from collections.abc import Iterable, Iterator

from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence

_ON_THE_WIRE = 500  # ms, on a saturated machine


def too_late(cases: Iterable[Case]) -> list[Offence]:
    """An offence for each submit that arrived later than the wire explains."""
    return [
        Offence(5, case.message_id, f"attempt {attempt} was submitted {late} ms past the deadline")
        for case in cases
        for attempt, late in _late(case)
        if late > _ON_THE_WIRE
    ]


def lateness(cases: Iterable[Case]) -> list[int]:
    """Lateness (ms) of every submit that arrived past its deadline."""
    return [late for case in cases for _, late in _late(case)]


def _late(case: Case) -> Iterator[tuple[int, int]]:
    """Attempt and lateness of every late submit."""
    deadline = _deadline(case)
    for submit in case.submits:
        late = int(submit.seen.at * 1000) - deadline if deadline is not None else 0
        if late > 0:
            yield submit.attempt, late


def _deadline(case: Case) -> int | None:
    """The deadline in epoch ms; a delivered message's record no longer has it, so compute it from the acceptance."""
    if case.record is None:
        return None
    if case.record.expires_at:
        return case.record.expires_at
    lasts = case.sent.planned.expires_in if case.sent is not None else None
    return case.record.created_at + 1000 * lasts if lasts is not None else None
