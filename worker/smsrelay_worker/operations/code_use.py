"""CodeUse: which share of each country's codes was used, as apps say by feedback, and which share is too low. Pure.

Nobody reads the codes of a bot that presses the button for money, so the share falls in the country that it presses for.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

from smsrelay_worker.store.code_counts import CodesOfDays

WEEK = 7  # days
_COUNTRIES = 50  # shown at most: those with most codes
_ENOUGH = 100  # codes, below which no share is judged
_FAR = 0.5  # of the share that was to be expected
_DEVIATIONS = 3  # standard deviations that chance may explain


@dataclass(frozen=True, slots=True)
class CodeUse:
    """Codes accepted for one country in a time, and how many of them were used."""

    country: str  # calling code, without plus
    accepted: int
    used: int

    @property
    def share(self) -> float:
        """From 0 to 1; 0 if none was accepted."""
        return self.used / self.accepted if self.accepted else 0.0


@dataclass(frozen=True, slots=True)
class LowShare:
    """A country whose share of used codes is far below ``usual``, the share that was to be expected."""

    use: CodeUse
    day: int  # from the Unix epoch, UTC
    usual: float
    of_others: bool  # ``usual`` is the other countries' share of that day; otherwise the country's own of the days before


def code_use(codes: CodesOfDays, days: int) -> tuple[CodeUse, ...]:
    """Each country's codes of the last days, today among them: those with most codes, at most fifty, in that order."""
    use = _use(codes, range(codes.today - days + 1, codes.today + 1))
    return tuple(sorted(use.values(), key=lambda one: (-one.accepted, one.country))[:_COUNTRIES])


def gives_feedback(codes: CodesOfDays) -> bool:
    """Whether any app says which codes were used."""
    return any(codes.used.values())


def low_shares(codes: CodesOfDays) -> tuple[LowShare, ...]:
    """The countries whose share was too low today or yesterday; none if no app gives feedback.

    A share is judged from 100 codes a day on. It is compared with that of all other countries on that day, or, if these had fewer
    than 100 codes, with its own in the week before. It is too low if it is less than half of that and not by chance.
    """
    if not gives_feedback(codes):
        return ()
    found = (_low(codes, day, one) for day in (codes.today - 1, codes.today) for one in _use(codes, [day]).values())
    latest = {one.use.country: one for one in found if one is not None}
    return tuple(latest[country] for country in sorted(latest))


def _low(codes: CodesOfDays, day: int, one: CodeUse) -> LowShare | None:
    if one.accepted < _ENOUGH:
        return None
    others = _sum(other for other in _use(codes, [day]).values() if other.country != one.country)
    before = _use(codes, range(day - WEEK, day)).get(one.country, CodeUse(one.country, 0, 0))
    of_others = others.accepted >= _ENOUGH
    usual = others if of_others else before
    if usual.accepted < _ENOUGH or not _far_below(one, usual.share):
        return None
    return LowShare(one, day, usual.share, of_others)


def _far_below(one: CodeUse, usual: float) -> bool:
    expected = one.accepted * usual
    chance = _DEVIATIONS * sqrt(expected * (1 - usual))
    return one.used < _FAR * expected and one.used < expected - chance


def _use(codes: CodesOfDays, days: Iterable[int]) -> Mapping[str, CodeUse]:
    """By country. What was used of codes that were never counted, because they are older than the count, is left out."""
    wanted, accepted, used = set(days), Counter[str](), Counter[str]()
    for (day, country), count in codes.accepted.items():
        if day in wanted:
            accepted[country] += count
            used[country] += min(count, codes.used.get((day, country), 0))
    return {country: CodeUse(country, count, used[country]) for country, count in accepted.items()}


def _sum(uses: Iterable[CodeUse]) -> CodeUse:
    found = list(uses)
    return CodeUse("", sum(one.accepted for one in found), sum(one.used for one in found))
