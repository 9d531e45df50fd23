"""Acceptance: what becomes of a job before the store sees it, and what an app is told afterwards. Pure.

A job becomes a message with an id and a deadline, or is refused with ``Rejection``.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.message import Message
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.contract.template import Registry
from smsrelay.store.outbox import Recorded

TAKEN = "was used before for other content; the same reference means the same SMS"
_NOT_LISTED = "is not a number that SMSRELAY_ONLY_TO lists, and no other is texted from here"


class ReferenceTaken(Rejection):
    """The app has used this reference before, for another SMS. Nothing was recorded for this job."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One of many jobs, which was not accepted.

    ``place``: its index among the jobs, from 0.
    ``problems``: every field that is wrong, with the reason.
    """

    place: int
    problems: tuple[Problem, ...]


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
        """What the outbox did with a message, as the app is told; raises ``ReferenceTaken``."""
        if not recorded.same:
            raise ReferenceTaken.of("reference", TAKEN)
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
        yield Accepted.of(outcome) if outcome.same else Refused(place, (Problem("reference", TAKEN),))


def accept_all(recorded: Sequence[Recorded]) -> list[Accepted]:
    """The same for a list that was wanted whole; raises ``ReferenceTaken``, which names each taken one by its index."""
    taken = [place for place, one in enumerate(recorded) if not one.same]
    if taken:
        raise ReferenceTaken(Problem(f"[{place}].reference", TAKEN) for place in taken)
    return [Accepted.of(one) for one in recorded]


def to_publish(recorded: Iterable[Recorded]) -> Mapping[Lane, list[str]]:
    """The ids that are still to be published, by lane, the most urgent first."""
    owed: dict[Lane, list[str]] = {lane: [] for lane in Lane}
    for one in recorded:
        if one.wake and one.same:
            owed[one.message.lane].append(one.message.message_id)
    return {lane: ids for lane, ids in owed.items() if ids}
