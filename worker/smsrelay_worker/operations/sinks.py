"""Sinks for operators: how deliveries to each one go, what waits, and the replay of what an app may have missed.

Raises ``StoreUnavailable``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from smsrelay.store.records import Records
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.store.api.app_messages import AppMessages
from smsrelay_worker.store.sinks.outcomes import OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import Pause, SinkState, SinkStates

_AT_ONCE = 100  # records read in one round trip


class Condition(StrEnum):
    """How deliveries to a sink go."""

    OK = "ok"
    FAILING = "failing"
    PAUSED = "paused"  # after a day of nothing but failures
    DISABLED = "disabled"  # the endpoint answered 410


@dataclass(frozen=True, slots=True)
class SinkOverview:
    """One sink. Instants are ms on the store's clock."""

    sink: str
    condition: Condition
    since: int | None  # since when it fails, or is paused or disabled
    waiting: int  # outcomes that it has not taken
    oldest: int | None  # when the oldest of them happened
    status: str  # of the last delivery
    status_at: int | None


def sink_overviews(apps: Apps, outbox: OutcomeOutbox, states: SinkStates) -> tuple[SinkOverview, ...]:
    """Every sink of the apps file, in its order."""
    names = sink_names(apps)
    if not names:
        return ()
    known, waiting = states.read(), outbox.waiting(names)
    return tuple(_overview(name, known.get(name, SinkState()), waiting[name].count, waiting[name].oldest) for name in names)


def sink_names(apps: Apps) -> list[str]:
    """The names of all sinks of the apps file."""
    return [name for app in apps.values() for name in dict.fromkeys(app.sinks.values())]


def sinks_of(apps: Apps, name: str) -> list[str]:
    """The sinks that a name means: one sink (``shop.celery``), or all of an app (``shop``); none if there are none."""
    if name in sink_names(apps):
        return [name]
    return list(dict.fromkeys(apps[name].sinks.values())) if name in apps else []


class OutcomeReplay:
    """Puts the last outcomes of an app's final messages back into its outboxes, with the ids and revisions that they had."""

    def __init__(self, apps: Apps, messages: AppMessages, records: Records, outbox: OutcomeOutbox) -> None:
        self._apps = apps
        self._messages = messages
        self._records = records
        self._outbox = outbox

    def replay(self, app: str, sinks: Sequence[str], since: int, *, dry_run: bool = False) -> Mapping[str, int]:
        """Replay what happened since an instant (ms) and belongs to one of the sinks; how many outcomes, by sink."""
        counts: Counter[str] = Counter(dict.fromkeys(sinks, 0))
        for ids in self._messages.with_outcome(app):
            found: dict[str, list[Outcome]] = {}
            for outcome in self._outcomes(ids, since):
                sink = self._apps.outbox(app, outcome.state)
                if sink is not None and sink in sinks:
                    found.setdefault(sink, []).append(outcome)
            for sink, outcomes in found.items():
                counts[sink] += len(outcomes)
                if not dry_run:
                    self._outbox.add(sink, outcomes)
        return counts

    def _outcomes(self, ids: Sequence[str], since: int) -> Iterator[Outcome]:
        for start in range(0, len(ids), _AT_ONCE):
            for reading in self._records.read_many(ids[start : start + _AT_ONCE]):
                outcome = Outcome.last_of(reading.record) if reading is not None and reading.record.state.final else None
                if outcome is not None and outcome.at >= since:
                    yield outcome


def _overview(name: str, state: SinkState, waiting: int, oldest: int | None) -> SinkOverview:
    if state.paused_at is not None:
        condition = Condition.DISABLED if state.pause is Pause.GONE else Condition.PAUSED
        return SinkOverview(name, condition, state.paused_at, waiting, oldest, state.status, state.at)
    condition = Condition.OK if state.failing_since is None else Condition.FAILING
    return SinkOverview(name, condition, state.failing_since, waiting, oldest, state.status, state.at)
