"""OutcomeDelivery: claims outcomes that are due and gives each to the worker of its sink. The loop of the process ``outcome``.

A turn records how deliveries ended, then claims more for every sink that has room, in one round trip whatever their number.
Where replicas are waited for, what was claimed is confirmed before it is told, all of it with one wait; while too few answer it
stays in hand, and is told as soon as they do. A claim is a lease: a process that is killed at any line loses nothing, and what
was delivered but not recorded is delivered again under the same id. With no sink configured, the loop only drops what the
retention ends, once a minute.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import structlog

from smsrelay.messages.record import Record
from smsrelay.messages.sinks import app_and_kind
from smsrelay.store.connection import StoreUnavailable
from smsrelay.store.records import Records
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.results import Results
from smsrelay_worker.outcomes.sink_worker import Ended, SinkWorker
from smsrelay_worker.outcomes.wording import Wording
from smsrelay_worker.store.sinks.outcomes import LEASE, ClaimedOutcome, OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkState, SinkStates

AT_ONCE = 512  # calls claimed for, of all sinks: each may hold a connection, and a process has 1024 files by default
_IDLE = 0.5  # seconds between turns while nothing is due
_BUSY = 0.003  # seconds between turns, so that several results are recorded in one round trip
_AFTER_FAILURE = 1.0  # seconds, when the store does not answer
_STATES_EVERY = 1.0  # seconds between looks at what operators and other processes have changed
_SWEEP_EVERY = 60.0  # seconds between looks for what is older than the retention
_STOP_WITHIN = 16.0  # seconds: a delivery's time-out
_FAULTY_AGAIN = 600.0  # seconds until an outcome that raised an unexpected exception is tried again
_UNKNOWN = "the worker's apps file has no such sink"  # whose name may be anything, and is not repeated

log = structlog.get_logger()


class OutcomeDelivery:
    """Delivers outcomes to all sinks."""

    def __init__(
        self,
        outbox: OutcomeOutbox,
        records: Records,
        states: SinkStates,
        results: Results,
        workers: Mapping[str, SinkWorker],
        wording: Wording,
        *,
        at_once: int = AT_ONCE,
        sweep_every: float = _SWEEP_EVERY,
    ) -> None:
        """``at_once``: calls under way at most, of all sinks together. ``monotonic`` in seconds."""
        self._outbox = outbox
        self._records = records
        self._states = states
        self._results = results
        self._workers = workers
        self._wording = wording
        self._at_once = at_once
        self._sweep_every = sweep_every
        self._wake = threading.Event()
        self._in_hand: list[ClaimedOutcome] = []  # claimed, and with no sink's worker yet
        self._known: Mapping[str, SinkState] = {}
        self._read_at = self._swept_at = float("-inf")
        self._turns = 0
        self._running = False

    def run(self, stopping: threading.Event) -> None:
        """Deliver until ``stopping`` is set; then finish what has begun, and give the other claims back."""
        self._running = True
        while not self._workers and not stopping.wait(self._sweep_every):
            self._sweep_alone()
        while not stopping.is_set():
            if self._wake.wait(self._turn_and_pause()):
                self._wake.clear()
                stopping.wait(_BUSY)
        self._finish()

    def turn(self) -> int:
        """Record what has ended, and claim what is due; returns how many outcomes were claimed. Raises ``StoreUnavailable``."""
        self._results.record()
        self._look_around()
        self._give_back(everything=False)
        failing = {sink for sink, worker in self._workers.items() if worker.failing}
        self._in_hand += self._outbox.claim(self._wanted(), LEASE, failing)
        claimed = self._outbox.confirm(self._in_hand)
        by_sink: dict[str, list[tuple[ClaimedOutcome, Event]]] = defaultdict(list)
        for one, event in self._with_events(claimed):
            by_sink[one.sink].append((one, event))
        self._in_hand = []
        for sink, items in by_sink.items():
            self._workers[sink].deliver(items, self._ended)
        self._turns += 1
        return len(claimed)

    def deliver_now(self, sink: str, patience: float = 30.0) -> str:
        """Have the loop of this process deliver what is due of one sink now, however earlier deliveries ended.

        Waits for at most ``patience`` seconds. Returns a line that says how many were taken and how many failed.
        """
        worker = self._workers.get(sink)
        if worker is None:
            return _UNKNOWN
        worker.reopen()
        taken, failed = self._results.counts(sink)
        self._read_at = float("-inf")
        turns, until = self._turns + 2, time.monotonic() + patience
        while time.monotonic() < until and self._running and not (self._turns >= turns and worker.idle):
            self._wake.set()
            time.sleep(5 * _BUSY)
        now_taken, now_failed = self._results.counts(sink)
        return f"{sink}: {now_taken - taken} taken, {now_failed - failed} failed"

    def test(self, sink: str, token: str) -> str:
        """Deliver an event that tells of no message, and keep what came of it under ``token``; raises ``StoreUnavailable``."""
        worker = self._workers.get(sink)
        if worker is None:
            self._states.keep_test(token, _UNKNOWN)
            return _UNKNOWN
        event = Event.trial(app_and_kind(sink)[0], self._outbox.now(), token)
        [answer] = worker.client.deliver([event])
        log.info("sink tested", sink=sink, status=answer.status)
        self._states.keep_test(token, answer.status)
        return f"{sink}: {answer.status}"

    def _turn_and_pause(self) -> float:
        """One turn; returns the seconds until the next."""
        try:
            return _BUSY if self.turn() else _IDLE
        except StoreUnavailable as error:
            log.warning("outcome delivery postponed", reason=str(error))
        except Exception:
            log.exception("outcome delivery failed")
            self._in_hand = []  # the leases run out
        return _AFTER_FAILURE

    def _ended(self, ended: Sequence[Ended]) -> None:
        self._results.add(ended)
        self._wake.set()

    def _look_around(self) -> None:
        now = time.monotonic()
        if now - self._read_at >= _STATES_EVERY:
            self._known, self._read_at = self._states.read(), now
        if now - self._swept_at >= self._sweep_every:
            self._swept_at = now
            self._sweep()

    def _sweep(self) -> None:
        for sink, count in self._outbox.drop_older().items():
            log.error("outcomes dropped: their retention is over", sink=sink, count=count)

    def _sweep_alone(self) -> None:
        """For a file without sinks, whose apps may have had some before."""
        try:
            self._sweep()
        except StoreUnavailable as error:
            log.warning("outcome delivery postponed", reason=str(error))
        except Exception:
            log.exception("outcome delivery failed")

    def _wanted(self) -> list[tuple[str, int]]:
        """How many more outcomes each sink may have; beyond the limit of the process, an idle one still gets one."""
        held = Counter(one.sink for one in self._in_hand)
        calls = sum(worker.load + -(-held[sink] // worker.client.batch) for sink, worker in self._workers.items())
        left, wanted = self._at_once - calls, []
        for sink, worker in self._workers.items():
            most = min(worker.room() - held[sink], max(left, int(worker.idle and not held[sink])) * worker.client.batch)
            room = 0 if self._paused(sink) else most
            if room > 0:
                left -= -(-room // worker.client.batch)
                wanted.append((sink, room))
        return wanted

    def _paused(self, sink: str) -> bool:
        state = self._known.get(sink)
        return state is not None and state.paused_at is not None

    def _with_events(self, claimed: Sequence[ClaimedOutcome]) -> list[tuple[ClaimedOutcome, Event]]:
        """The events of outcomes; an outcome whose message's record is gone is dropped."""
        if not claimed:
            return []
        try:
            found = self._records.read_many([one.outcome.message_id for one in claimed])
            events = [(one, self._event(one, reading.record)) for one, reading in zip(claimed, found, strict=True) if reading]
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001  logged, with the outcome that raises it
            return self._one_by_one(claimed)
        gone = [one for one, reading in zip(claimed, found, strict=True) if reading is None]
        for one in gone:
            log.error("outcome dropped: its message is gone", sink=one.sink, message_id=one.outcome.message_id)
            self._outbox.done(one.sink, [one])
        return events

    def _one_by_one(self, claimed: Sequence[ClaimedOutcome]) -> list[tuple[ClaimedOutcome, Event]]:
        """The same where one of them raises an unexpected exception: it is put off, and the others are not held up."""
        if len(claimed) > 1:
            return [item for one in claimed for item in self._with_events([one])]
        log.exception("outcome not readable", sink=claimed[0].sink, message_id=claimed[0].outcome.message_id)
        self._outbox.retry(claimed[0], _FAULTY_AGAIN)
        return []

    def _event(self, claimed: ClaimedOutcome, record: Record) -> Event:
        return Event.of(record, claimed.outcome, self._wording)

    def _give_back(self, *, everything: bool) -> None:
        held = [one for worker in self._workers.values() for one in worker.take_back(everything=everything)]
        if everything:
            held += self._in_hand
            self._in_hand = []
        if held:
            self._outbox.give_back(held)

    def _finish(self) -> None:
        self._running = False
        until = time.monotonic() + _STOP_WITHIN
        try:
            self._give_back(everything=True)
            while time.monotonic() < until and not all(worker.idle for worker in self._workers.values()):
                self._wake.wait(_IDLE)
                self._wake.clear()
            self._results.record()
        except StoreUnavailable as error:
            log.warning("outcome delivery stopped without the store; leases run out", reason=str(error))
