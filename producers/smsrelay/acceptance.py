"""Acceptance: what becomes of a job before the store sees it, and what an app is told afterwards. Pure.

A job becomes a message with an id and a deadline, or is refused with ``Rejection``.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.contract.template import Registry
from smsrelay.messages.checks import Bar
from smsrelay.store.outbox import Recorded

TAKEN = "was used before for other content; the same reference means the same SMS"
_NOT_LISTED = "is not a number that SMSRELAY_ONLY_TO lists, and no other is texted from here"


class TooMany(Rejection):
    """The number has had as many codes as a cap allows. Nothing was recorded.

    ``retry_after``: seconds to wait, at least 1. ``cap``: the name of the cap.
    """

    def __init__(self, problems: Iterable[Problem], retry_after: int = 1, cap: str = "") -> None:
        super().__init__(problems)
        self.retry_after, self.cap = retry_after, cap

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        return type(self), (self.problems, self.retry_after, self.cap)

    def of_all(self, problems: Iterable[Problem]) -> Self:
        """The same for the problems of several jobs."""
        return type(self)(problems, self.retry_after, self.cap)


class Suppressed(Rejection):
    """The recipient wants no marketing from this sender. Nothing was recorded."""


class ReferenceTaken(Rejection):
    """The app has used this reference before, for another SMS. Nothing was recorded for this job."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One of many jobs, which was not accepted.

    ``place``: its index among the jobs, from 0.
    ``problems``: every field that is wrong, with the reason.
    ``retry_after``: seconds after which a code that is over its cap would be accepted; ``None`` for any other.
    """

    place: int
    problems: tuple[Problem, ...]
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that was accepted.

    ``message_id``: a UUID, by which ``smsrelay show`` finds the message.
    ``lane``: the lane it travels in.
    ``new``: whether this call recorded it; ``False`` when the same reference was accepted before.
    """

    message_id: str
    lane: Lane
    new: bool

    @classmethod
    def of(cls, recorded: Recorded) -> "Accepted":
        """What the outbox did with a message, as the app is told; raises the ``Rejection`` of one that was not accepted."""
        refusal = _refusal(recorded)
        if refusal is not None:
            raise refusal
        return cls(recorded.message.message_id, recorded.message.lane, recorded.new)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a job must comply with: the registered templates and, in staging, the only numbers that may be texted."""

    registry: Registry
    random_bits: Callable[[], int]
    only_to: Collection[str] | None = None

    def message(self, job: SendJob, now: int, *, test: bool = False) -> Message:
        """The message a job becomes at ``now`` (ms), one that never reaches the vendor with ``test``; raises ``Rejection``."""
        if self.only_to is not None and not test and job.to not in self.only_to:
            raise Rejection.of("to", _NOT_LISTED)
        return job.accept(now, self.registry, self.random_bits, test=test)

    def made(self, jobs: Iterable[SendJob | Rejection], now: int) -> list[Message | Rejection]:
        """The message of each job, or why there is none."""
        made: list[Message | Rejection] = []
        for job in jobs:
            try:
                made.append(job if isinstance(job, Rejection) else self.message(job, now))
            except Rejection as rejection:
                made.append(rejection)
        return made

    def all_messages(self, jobs: Iterable[SendJob], now: int) -> list[Message]:
        """The message of each job; raises ``Rejection``, which names each wrong one by its index, from 0."""
        made = self.made(jobs, now)
        wrong = [(place, one) for place, one in enumerate(made) if isinstance(one, Rejection)]
        if wrong:
            raise Rejection(Problem(f"[{place}].{one.field}", one.reason) for place, found in wrong for one in found.problems)
        return messages_of(made)


def messages_of(made: Iterable[Message | Rejection]) -> list[Message]:
    """Those that are messages."""
    return [one for one in made if not isinstance(one, Rejection)]


def results(start: int, made: Sequence[Message | Rejection], recorded: Iterable[Recorded]) -> Iterator[Accepted | Refused]:
    """One result a job, in order; ``start`` is the index of the first, ``recorded`` what the outbox did with the messages."""
    following = iter(recorded)
    for place, one in enumerate(made, start):
        if isinstance(one, Rejection):
            yield Refused(place, one.problems)
            continue
        outcome = next(following)
        refusal = _refusal(outcome)
        if refusal is None:
            yield Accepted.of(outcome)
        else:
            yield Refused(place, refusal.problems, refusal.retry_after if isinstance(refusal, TooMany) else None)


def accept_all(recorded: Sequence[Recorded]) -> list[Accepted]:
    """The same for a list that was wanted whole; raises the first refusal, which names each refused one by its index."""
    refusals = [(place, refusal) for place, one in enumerate(recorded) if (refusal := _refusal(one))]
    if refusals:
        problems = [
            Problem(f"[{place}].{one.field}", one.reason, one.code) for place, found in refusals for one in found.problems
        ]
        raise refusals[0][1].of_all(problems)
    return [Accepted.of(one) for one in recorded]


def _refusal(recorded: Recorded) -> "Rejection | None":
    """Why a message was not accepted; None if it was."""
    barred = recorded.barred
    if barred is None:
        return None if recorded.same else ReferenceTaken.of("reference", TAKEN)
    match barred.bar:
        case Bar.CAP:
            wait = max(1, -(-recorded.wait // 1000))
            reason = f"has had as many codes as the cap {barred.name} allows; the next one is accepted in {wait} s"
            return TooMany([Problem("to", reason, "too_many")], wait, barred.name)
        case Bar.SUPPRESSED:
            return Suppressed([Problem("to", "has asked for no more marketing from this sender", "suppressed")])
        case Bar.COUNTRY:
            return Rejection([Problem("to", f"is in a country (+{barred.name}) that this app may not text", "country")])
        case _:
            return Rejection([Problem("campaign", "was cancelled", "campaign_cancelled")])


def to_publish(recorded: Iterable[Recorded]) -> Mapping[Lane, list[str]]:
    """The ids that are still to be published, by lane, the most urgent first."""
    owed: dict[Lane, list[str]] = {lane: [] for lane in Lane}
    for one in recorded:
        if one.wake and one.same:
            owed[one.message.lane].append(one.message.message_id)
    return {lane: ids for lane, ids in owed.items() if ids}
