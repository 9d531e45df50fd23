"""The numbers about limits and campaigns in the table of a run. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from tests.chaos.judge.evidence import Case
from tests.chaos.judge.judge import Offence
from tests.chaos.limits.campaigns import CAMPAIGN_CANCELLED
from tests.chaos.limits.caps import CAPS, ChaosCap
from tests.chaos.limits.judge import arrivals_by_number
from tests.chaos.load.load import CAMPAIGN_CANCELLED as REFUSED
from tests.chaos.load.load import TOO_MANY, Sent

_CAP, _WINDOW, _HELD = "cap ", "window marketing", "halted campaign"


def limit_rows(cases: Sequence[Case], sent: Sequence[Sent], offences: Sequence[Offence]) -> Iterator[str]:
    """Rows of the table."""
    broken = Counter(offence.condition for offence in offences)
    most = ", ".join(f"{cap.name} {_most(cases, cap)} of {cap.count}" for cap in CAPS)
    yield f"| **submits over a cap**; most in a window | **{broken[11]}**; {most} |"
    yield f"| codes refused at the door as too many | {_refused(sent, TOO_MANY)} |"
    yield f"| messages deferred by a cap | {_ruled(cases, _CAP)} |"
    waited = f"{_ruled(cases, _WINDOW)} messages waited for it"
    yield f"| **marketing submitted while its window was closed** | **{broken[12]}**; {waited} |"
    cancelled = f"{_ruled(cases, CAMPAIGN_CANCELLED)} cancelled, {_refused(sent, REFUSED)} refused afterwards"
    yield f"| messages of campaigns: held by a pause; cancelled with theirs | {_ruled(cases, _HELD)}; {cancelled} |"


def shown(cases: Sequence[Case], sent: Sequence[Sent]) -> Iterator[Offence]:
    """An offence for each limit that a run was to show and never met."""
    wanted = {
        (11, "no code was refused at the door"): _refused(sent, TOO_MANY),
        (11, "no message was deferred by a cap"): _ruled(cases, _CAP),
        (12, "no marketing waited for its window"): _ruled(cases, _WINDOW),
        (13, "no message was held by a pause"): _ruled(cases, _HELD),
        (13, "no message was cancelled with its campaign"): _ruled(cases, CAMPAIGN_CANCELLED),
    }
    for (condition, text), count in wanted.items():
        if not count:
            yield Offence(condition, "", f"{text}: the run does not show it")


def _ruled(cases: Sequence[Case], rule: str) -> int:
    """Messages with such a line in their timeline."""
    return sum(any(line.rule.startswith(rule) for line in case.record.timeline) for case in cases if case.record is not None)


def _refused(sent: Sequence[Sent], code: str) -> int:
    return sum(one.refused == code for one in sent)


def _most(cases: Sequence[Case], cap: ChaosCap) -> int:
    """The most submits to one number in any window."""
    most = 0
    for arrivals in arrivals_by_number(cases, cap):
        for place, first in enumerate(arrivals):
            within = [one for one in arrivals[place:] if one.at - first.at < 1000 * cap.seconds]
            most = max(most, len(within))
    return most
