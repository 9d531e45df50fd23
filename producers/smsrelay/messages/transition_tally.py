"""What a transition of a record adds to the counts of the store. Pure."""

from collections.abc import Iterator

from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.messages.tally import BEGUN, CAPPED, FINAL, LEFT, NO_CODE, NOTHING, RETRIES, Tally, series
from smsrelay.messages.transition import Transition

_CAP = "cap "  # rules of deferrals by a cap begin with it


def tally_of(record: Record, transition: Transition) -> Tally:
    """What the transition of the record adds: its own tally, and what follows from the two states."""
    if transition.silent or record.test:
        return NOTHING
    moved = tuple(_moves(record, transition))
    return Tally(moved).and_(transition.tally) if moved else transition.tally


def _moves(record: Record, transition: Transition) -> Iterator[str]:
    lane, state = record.lane.value, transition.state
    if state is not record.state:
        if state is State.SUBMITTING:
            yield series(BEGUN, lane)
        elif record.state is State.SUBMITTING:
            yield series(LEFT, lane)
        if state.final:
            code = transition.tally.code or transition.code or NO_CODE
            yield series(FINAL, lane, state.value, code)
    if transition.why:
        yield series(RETRIES, transition.why)
    if transition.rule.startswith(_CAP):
        yield series(CAPPED, transition.rule.removeprefix(_CAP))
