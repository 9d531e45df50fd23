"""Codes: which share of the one-time codes is used, by country, and how messages end, by code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from smsrelay.messages.tally import FINAL
from smsrelay_worker.console.page import Page, Visit
from smsrelay_worker.operations.code_use import WEEK, CodeUse, code_use, gives_feedback, low_shares
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.policy.describe import rows
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.store.tallies import Tallied


@dataclass(frozen=True, slots=True)
class Ended:
    """How many messages of a lane ended in a state with a code, since the store counts."""

    lane: str
    state: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class CountryRow:
    """The codes to one country. ``low``: the share is far below what was to be expected."""

    country: str
    today: CodeUse
    week: CodeUse
    low: bool


def ended_codes(tallied: Tallied) -> list[Ended]:
    """How messages ended, of what the store has counted."""
    return [Ended(lane, state, code, count) for (lane, state, code), count in tallied.family(FINAL).items()]


class Codes:
    """The page. ``ended``: how messages ended."""

    def __init__(self, operations: Operations, policy: Policy, ended: Callable[[], Sequence[Ended]]) -> None:
        self._operations = operations
        self._texts: Mapping[str, tuple[str, str]] = {row.code: (row.text, row.zh) for row in rows(policy)}
        self._ended = ended

    def pages(self) -> list[Page]:
        """What it answers."""
        return [Page("/codes", get=self._show)]

    def _show(self, visit: Visit) -> Response:
        codes = self._operations.code_counts.read()
        today = {one.country: one for one in code_use(codes, 1)}
        low = {one.use.country for one in low_shares(codes)}
        ended = sorted(self._ended(), key=lambda one: -one.count)
        chinese = visit.catalogue.language == "zh"
        return visit.page(
            "codes.html",
            here="codes",
            feedback=gives_feedback(codes),
            countries=[
                CountryRow(one.country, today.get(one.country, CodeUse(one.country, 0, 0)), one, one.country in low)
                for one in code_use(codes, WEEK)
            ],
            ended=[(one, self._texts.get(one.code, ("", ""))[chinese]) for one in ended],
            total=sum(one.count for one in ended),
            unlisted=sorted(self._operations.counts.unlisted().items(), key=lambda pair: -pair[1]),
        )
