"""Receiving: what callbacks were answered. 200: kept; 503: come again; no answer: the receiver, or the way to it, was down.

Anything else says that a receiver met something it was not made for. Pure.
"""

from collections.abc import Iterable

from tests.chaos.evidence import Case
from tests.chaos.judge import Offence

_IN_ORDER = {200, 503, 0}


def misanswered(cases: Iterable[Case]) -> list[Offence]:
    """An offence for each callback that was answered otherwise."""
    return [
        Offence(8, case.message_id, f"the report {one.code} on attempt {attempt} was answered {one.http}")
        for case in cases
        for attempt, one in case.callbacks
        if one.http not in _IN_ORDER
    ]
