"""Dead letters: messages that failed, ended unknown or expired; finds and replays them.

``dead_letters`` takes a filter and gives the matching messages, newest first. A replay makes one more attempt and records its
reason in the timeline. It respects the deadline, and needs the payload, which is kept until the deadline. Raises
``StoreUnavailable``; it is then safe to replay again, because only a dead message can be replayed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.store.records import Decide, Reading, Records
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.store.dead_letters import DeadLetterIndex, Place

_AT_ONCE = 250  # records in one round trip, where a filter may pass over most of them


@dataclass(frozen=True, slots=True)
class Filter:
    """Selects dead letters; a field that is None matches any."""

    since: int = 0  # epoch ms
    state: State | None = None
    lane: Lane | None = None
    code: str | None = None  # the last code in the timeline
    app: str | None = None
    template: str | None = None

    @property
    def message_only_options(self) -> tuple[str, ...]:
        """The options in use that only messages can match: of an unreadable item only the time is known."""
        fields = {"--lane": self.lane, "--code": self.code, "--app": self.app, "--template": self.template}
        state = "--expired" if self.state is State.EXPIRED else "--state"
        return tuple(option for option, wanted in ({state: self.state} | fields).items() if wanted is not None)

    def matches(self, record: Record) -> bool:
        """Whether a record matches."""
        asked = (self.state, self.lane, self.code, self.app, self.template)
        has = (record.state, record.lane, last_code(record), record.app, record.template)
        return all(wanted is None or wanted == found for wanted, found in zip(asked, has, strict=True))


def dead_letters(index: DeadLetterIndex, records: Records, wanted: Filter) -> Iterator[Reading]:
    """The matching dead letters, newest first; expired ones only if the filter names that state."""
    ids = index.ids(wanted.since, expired=wanted.state is State.EXPIRED)
    for start in range(0, len(ids), _AT_ONCE):
        for found in records.read_many(ids[start : start + _AT_ONCE]):
            if found is not None and wanted.matches(found.record):
                reading = records.read(found.record.message_id)  # with its payload, which read_many leaves out
                if reading is not None and wanted.matches(reading.record):
                    yield reading


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """Some of the matching dead letters; ``behind``: where the next page begins, None if there is none.

    ``looked_at``: messages that were compared with the filter.
    """

    found: Sequence[Reading]
    behind: Place | None
    looked_at: int


def dead_letter_page(
    index: DeadLetterIndex, records: Records, wanted: Filter, behind: Place | None = None, *, most: int = 50, bound: int = 2000
) -> DeadLetterPage:
    """The next ``most`` that match, without their payloads, newest first; looks at ``bound`` messages at most.

    A filter that few match may find nothing within the bound; the next page goes on from there.
    """
    expired, at_once = wanted.state is State.EXPIRED, most if wanted == Filter(since=wanted.since) else _AT_ONCE
    found: list[Reading] = []
    looked_at = 0
    while looked_at < bound:
        asked = min(at_once, bound - looked_at)
        entries = index.page(behind, asked, expired=expired)
        readings = records.read_many([entry.message_id for entry in entries])
        for entry, reading in zip(entries, readings, strict=True):
            if entry.at < wanted.since:
                return DeadLetterPage(found, None, looked_at)
            behind, looked_at = entry.place, looked_at + 1
            if reading is not None and wanted.matches(reading.record):
                found.append(reading)
                if len(found) == most:
                    return DeadLetterPage(found, behind, looked_at)
        if len(entries) < asked:
            return DeadLetterPage(found, None, looked_at)
    return DeadLetterPage(found, behind, looked_at)


class DeadLetters:
    """Replays messages that ended without being delivered."""

    def __init__(self, records: Records, enqueuer: Enqueuer) -> None:
        self._records = records
        self._enqueuer = enqueuer

    def replay(self, message_id: str, dry_run: bool = False, *, seen_attempt: int | None = None) -> str:
        """Queue a message for another attempt. Returns what was done, or with ``dry_run`` would be, as words for a person.

        ``seen_attempt``: the attempt whose end somebody looked at. A later one that has ended, too, is not replayed: they have
        not seen that, and their form may have come twice.
        """
        reading = self._records.read(message_id)
        obstacle = obstacle_to_replay(reading, seen_attempt)
        if obstacle is not None or dry_run:
            return obstacle or "would be queued"
        change = self._records.change(message_id, _replayed_after(reading), reading, durable=True)
        if change is None:
            return "its retention has ended"
        # No transition can also mean that our own replay was made and its answer was lost.
        if change.transition is None and not lifecycle.replay_under_way(change.record):
            obstacle = obstacle_to_replay(change.reading)
            return obstacle or f"its state changed in the meantime: it is {change.record.state.value}"
        try:
            self._enqueuer.publish(change.record.lane, [message_id])
        except BrokerUnavailable:
            return "queued; the broker does not answer, and workers publish it when it does"
        return "queued"


def obstacle_to_replay(reading: Reading | None, seen_attempt: int | None = None) -> str | None:
    """Why a message cannot be replayed; None when it can. ``seen_attempt``: the only attempt whose end may be replayed."""
    if reading is None:
        return "no such message, or its retention has ended"
    if reading.record.state not in {State.FAILED, State.UNKNOWN}:
        return f"it is {reading.record.state.value}; only failed and unknown messages can be replayed"
    if seen_attempt not in {None, reading.record.attempt}:
        return f"attempted again meanwhile, and it is {reading.record.state.value} again; look at it first"
    if reading.record.forgotten:
        return "forgotten; its number and parameters are deleted"
    if reading.now >= reading.record.expires_at or (reading.payload is None and reading.unreadable is None):
        return "expired; its number and parameters are deleted"
    return None


def last_code(record: Record) -> str | None:
    """The last code in a record's timeline."""
    return next((line.code for line in reversed(record.timeline) if line.code), None)


def _replayed_after(seen: Reading | None) -> Decide:
    """Replays only the attempt that was seen: a later failure may be that of this very replay, if its answer was lost."""

    def replayed(reading: Reading) -> Transition | None:
        if seen is not None and reading.record.attempt != seen.record.attempt:
            return None
        if reading.record.forgotten:
            return None
        return lifecycle.replayed(reading.record, reading.now)

    return replayed
