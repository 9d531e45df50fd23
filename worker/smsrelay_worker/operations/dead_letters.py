"""Dead letters: messages that failed, ended unknown or expired, and what to do with them.

Enters: filters. Leaves: readings of the messages that fit, newest first, and whether a replay was queued. A replay is a new
attempt with its reason in the timeline; it respects the deadline and needs the payload, which lives as long as the message may be
sent. Fails with ``StoreUnavailable``; replaying again is then harmless, for only a dead message can be replayed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay_worker.messages import lifecycle
from smsrelay_worker.messages.record import Record
from smsrelay_worker.messages.transition import Transition
from smsrelay_worker.store.dead_letters import DeadLetterIndex
from smsrelay_worker.store.records import Decide, Reading, Records


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are meant; an absent field means any."""

    since: int = 0  # ms
    state: State | None = None
    lane: Lane | None = None
    code: str | None = None  # the last code of the timeline
    app: str | None = None
    template: str | None = None

    @property
    def about_records(self) -> tuple[str, ...]:
        """The options that only a record can fit; what nobody could read has a time and nothing else."""
        fields = {"--lane": self.lane, "--code": self.code, "--app": self.app, "--template": self.template}
        state = "--expired" if self.state is State.EXPIRED else "--state"
        return tuple(option for option, wanted in ({state: self.state} | fields).items() if wanted is not None)

    def fits(self, record: Record) -> bool:
        """Whether a record is meant."""
        asked = (self.state, self.lane, self.code, self.app, self.template)
        has = (record.state, record.lane, last_code(record), record.app, record.template)
        return all(wanted is None or wanted == found for wanted, found in zip(asked, has, strict=True))


def dead_letters(index: DeadLetterIndex, records: Records, wanted: Filter) -> Iterator[Reading]:
    """The dead letters that fit, newest first; those that expired only when their state is asked for."""
    for message_id in index.ids(wanted.since, expired=wanted.state is State.EXPIRED):
        reading = records.read(message_id)
        if reading is not None and wanted.fits(reading.record):
            yield reading


class DeadLetters:
    """Tries once more what ended without a delivery."""

    def __init__(self, records: Records, enqueuer: Enqueuer) -> None:
        self._records = records
        self._enqueuer = enqueuer

    def replay(self, message_id: str, dry_run: bool = False) -> str:
        """Queue one for another attempt; says what became of it, or would."""
        reading = self._records.read(message_id)
        obstacle = obstacle_to_replay(reading)
        if obstacle is not None or dry_run:
            return obstacle or "would be queued"
        change = self._records.change(message_id, _replayed_after(reading), reading)
        if change is None:
            return "its retention is over"
        # Without a transition it may be our own, whose answer was lost on the way.
        if change.transition is None and not lifecycle.replay_under_way(change.record):
            return f"somebody was faster: it is {change.record.state.value}"
        try:
            self._enqueuer.publish(change.record.lane, [message_id])
        except BrokerUnavailable:
            return "queued; the broker is away, and the workers publish it when it is back"
        return "queued"


def obstacle_to_replay(reading: Reading | None) -> str | None:
    """Why a message cannot be replayed, if so."""
    if reading is None:
        return "no such message, or its retention is over"
    if reading.record.state not in {State.FAILED, State.UNKNOWN}:
        return f"it is {reading.record.state.value}; only what failed or ended unknown can be replayed"
    if reading.now >= reading.record.expires_at or reading.payload is None:
        return "expired; recipient and parameters are gone"
    return None


def last_code(record: Record) -> str | None:
    """The code that a record's timeline ends with."""
    return next((line.code for line in reversed(record.timeline) if line.code), None)


def _replayed_after(seen: Reading | None) -> Decide:
    """Replays what was seen, and not what has failed anew since: that may be this very replay, its answer lost on the way."""

    def replayed(reading: Reading) -> Transition | None:
        if seen is not None and reading.record.attempt != seen.record.attempt:
            return None
        return lifecycle.replayed(reading.record, reading.now)

    return replayed
