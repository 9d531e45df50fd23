"""Exporter: brings a target up to date with the final messages of the store.

It walks through all records, compares what it finds with what the target has, and writes the difference, a page at a time. So it
has no position that could be wrong: a killed export is followed by one that finds the rest. Memory is bounded by a page.
Raises ``StoreUnavailable``, and what the target raises.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smsrelay.contract.state import State
from smsrelay.store.clock import StoreClock
from smsrelay.store.records import Reading, Records
from smsrelay_worker.exports.row import Row
from smsrelay_worker.exports.target import Target
from smsrelay_worker.exports.version import Version
from smsrelay_worker.store.final_messages import FinalMessage, FinalMessages

_TOGETHER = 50  # records in one round trip: the store serves nobody else while it reads them
_WITH_NUMBER = {State.FAILED, State.UNKNOWN}  # whose payload the store may still have


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did. ``seen``: final messages in the store; ``sealed``: numbers that no key given here opens.

    ``missed_since``: when the last complete export began (ms), if that is longer ago than messages live: some may be missing.
    """

    seen: int
    written: int
    sealed: int = 0
    missed_since: int | None = None


class Exporter:
    """``retention`` in ms. With ``numbers``, rows have the number as long as the store has it."""

    def __init__(
        self,
        messages: FinalMessages,
        records: Records,
        clock: StoreClock,
        target: Target,
        retention: int,
        *,
        numbers: bool = False,
    ) -> None:
        self._messages, self._records, self._clock, self._target = messages, records, clock, target
        self._retention, self._numbers = retention, numbers

    def run(self) -> Exported:
        """Export everything that is new."""
        last, began_at = self._target.last_complete(), self._clock.now()
        seen = written = sealed = 0
        for page in self._messages.pages():
            seen += len(page)
            readings = list(self._readings(self._lacking(page)))
            rows = [_row(reading) for reading in readings]
            if rows:
                self._target.write(rows)
            written += len(rows)
            sealed += sum(reading.unreadable is not None for reading in readings)
        self._target.complete(began_at)
        late = last is not None and self._clock.now() - last > self._retention
        return Exported(seen, written, sealed, last if late else None)

    def _lacking(self, page: Sequence[FinalMessage]) -> list[str]:
        """Ids of those that the target lacks, each once."""
        versions = [Version(one.message_id, one.accepted_at, one.revision, one.changed_at, one.used) for one in page]
        known = self._target.known([one.key for one in versions])
        return list(dict.fromkeys(one.message_id for one in versions if one.is_new_to(known.get(one.key))))

    def _readings(self, message_ids: Sequence[str]) -> Iterator[Reading]:
        """The messages as they are now, if they are still final."""
        for start in range(0, len(message_ids), _TOGETHER):
            for found in self._records.read_many(message_ids[start : start + _TOGETHER]):
                reading = found
                if reading is not None and self._numbers and reading.record.state in _WITH_NUMBER:
                    reading = self._records.read(reading.record.message_id)
                if reading is not None and reading.record.state.final:
                    yield reading


def _row(reading: Reading) -> Row:
    return Row.of(reading.record, reading.now, reading.payload.to if reading.payload else None)
