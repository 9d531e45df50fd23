"""Admission: which claimed messages may be attempted now, and what becomes of the others.

Takes claimed readings. The steps, around the chunk's own:
1. ``bar``, before slots are waited for: halted parts, closed send windows, countries and numbers that are not to be texted;
2. ``checks``, made by the store in the step that begins the attempt, atomically over all workers: caps, fuses, suppression, and
   once more halts and windows;
3. ``turn_away``: defers, holds or ends what was barred in either step; none of it counts an attempt.
Messages that wait for the opening of a window, or for the day after a fuse has blown, become due one by one, at the rate: those
due earlier go first in the agenda, and a retry of a code must not stand behind a whole campaign.
Raises ``StoreUnavailable``: what was not turned away by then is unchanged, and its wake-up is found again.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import structlog

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.state import State
from smsrelay.contract.template import Registry
from smsrelay.messages.checks import Bar, Barred, Checks
from smsrelay.messages.transition import Transition
from smsrelay.store.records import Decide, Reading, Records
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.messages.barred import barred, end_state, ended
from smsrelay_worker.messages.task_result import TaskResult, Verdict
from smsrelay_worker.messages.timeline import clock
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.store.fuses import Blow, Fuses
from smsrelay_worker.store.openings import Openings

_LAST_MINUTE = 60_000  # ms before it expires at which a message that waits for its window is due at the latest
_SPREAD = {Bar.CLOSED, Bar.FUSE}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Safe to share between threads.

    ``only_to``: the only numbers, in E.164, to which anything is submitted; None: any. ``rate``: submits a second.
    """

    records: Records
    openings: Openings
    fuses: Fuses
    limits: Limits
    registry: Registry
    number_keys: KeyRing
    policy: Policy
    rate: Callable[[], float]
    only_to: Collection[str] | None = None

    def bar(self, reading: Reading) -> Barred | None:
        """What bars a message whatever its number has had; None: nothing that is known without the store."""
        record, payload = reading.record, reading.payload
        if reading.barred is not None:
            return reading.barred
        if self.only_to is not None and payload is not None and payload.to not in self.only_to:
            return Barred(Bar.NOT_LISTED)
        if not self.limits.allows(record.app, record.country):
            return Barred(Bar.COUNTRY, record.country)
        return self._closed(reading)

    def checks(self, reading: Reading) -> Checks:
        """What the store checks when the attempt begins."""
        record, payload = reading.record, reading.payload
        if payload is None:  # the submit fails, and says why
            return Checks()
        template = self.registry.get(record.template)
        signature = template.signature if template else None
        return self.limits.checks(record, payload.to, reading.now, self.number_keys, signature)

    def turn_away(self, owed: Sequence[tuple[Reading, Barred]]) -> list[TaskResult]:
        """Defer, hold or end each message; returns a result for each. Raises ``StoreUnavailable``."""
        if not owed:
            return []
        self.records.change_many([(reading, self._decide(by)) for reading, by in self._spread(self._settled(owed))])
        return [_result(reading, by) for reading, by in owed]

    def _decide(self, by: Barred) -> Decide:
        decided = False

        def turned_away(reading: Reading) -> Transition | None:
            nonlocal decided
            hold, decided = not decided, True  # a hold that was not applied may have found that its part is resumed
            return barred(reading.record, by, reading.now, self.policy, hold=hold)

        return turned_away

    def _settled(self, owed: Sequence[tuple[Reading, Barred]]) -> list[tuple[Reading, Barred]]:
        """The same, where the store's begin barred something, as it stands now: fuses have blown, windows have an opening."""
        found, blown = [], dict[str, bool]()
        for reading, by in owed:
            known = by
            if by.bar is Bar.CLOSED:
                known = self._closed(reading) or by  # it closes too soon
            elif by.bar is Bar.FUSE and reading.barred is None:
                if by.name not in blown:
                    blown[by.name] = self._blows(reading)
                known = by if blown[by.name] else replace(by, until=0)
            found.append((reading, known))
        return found

    def _blows(self, reading: Reading) -> bool:
        """Halt what is over the message's fuse until the day ends; False if an operator has just resumed it."""
        fuse = self.checks(reading).fuse
        if fuse is None:
            return False
        came = self.fuses.blow(fuse)
        if came is Blow.BLOWN:
            log.error("fuse blown", app=fuse.app, country=fuse.country, most=fuse.most, until=clock(fuse.until))
        return came is not Blow.BELOW

    def _closed(self, reading: Reading) -> Barred | None:
        opening = self.limits.closed_until(reading.record, reading.now)
        window = self.limits.window_of(reading.record) if opening else None
        return Barred(Bar.CLOSED, window.name, opening) if window else None

    def _spread(self, owed: Sequence[tuple[Reading, Barred]]) -> list[tuple[Reading, Barred]]:
        """The same, where those that wait for an opening or a new day have an instant of their own then or later."""
        together: dict[int, int] = {}
        for _, by in owed:
            if by.bar in _SPREAD and by.until:
                together[by.until] = together.get(by.until, 0) + 1
        places = {until: self.openings.take(until, count) for until, count in together.items()}
        rate, found = self.rate() if together else 1.0, []
        for reading, by in owed:
            if by.bar in _SPREAD and by.until:
                due = min(by.until + int(places[by.until] * 1000 / rate), self._latest(reading, by.until))
                places[by.until] += 1
                found.append((reading, replace(by, until=due)))
            else:
                found.append((reading, by))
        return found

    def _latest(self, reading: Reading, opening: int) -> int:
        """The last instant at which a message that waits for the opening should become due."""
        window, ends = self.limits.window_of(reading.record), reading.record.expires_at
        if window is not None:
            ends = min(ends, window.closing(opening))
        return max(opening, ends - _LAST_MINUTE)


def _result(reading: Reading, by: Barred) -> TaskResult:
    record = reading.record
    text = ended(by) or f"deferred: {by.bar.value} {by.name}".rstrip()
    verdict = Verdict.of(end_state(by) or State.QUEUED)
    return TaskResult(text, record.message_id, record.lane.value, record.attempt, verdict)
