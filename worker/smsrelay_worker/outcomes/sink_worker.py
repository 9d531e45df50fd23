"""SinkWorker: delivers the claimed outcomes of one sink, a few at once, in threads of its own (greenlets in a worker).

Takes events; hands on how each delivery ended. A thread lives while there is something to deliver, so an idle sink costs nothing,
and a sink that hangs holds up only its own. A delivery begins only if it ends within its claim's lease; what waits for too long
behind slow ones is given back, and may be claimed by another process.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from smsrelay_worker.messages.task_result import Fault
from smsrelay_worker.outcomes.answer import Answer, failed
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.pace import TOLERATED, Pace
from smsrelay_worker.outcomes.schedule import RetrySchedule
from smsrelay_worker.store.sinks.outcomes import ClaimedOutcome
from smsrelay_worker.traces.message_traces import EndedDelivery, MessageTraces

log = structlog.get_logger()


class Client(Protocol):
    """Delivers to one sink: up to ``at_once`` concurrent calls, each of up to ``batch`` events. It does not raise."""

    @property
    def claims(self) -> int:
        """How many outcomes are claimed at most: more than can be under way, so that no connection waits for the store."""
        ...

    @property
    def at_once(self) -> int:
        """How many calls may be under way."""
        ...

    @property
    def batch(self) -> int:
        """Events in one call."""
        ...

    def deliver(self, events: Sequence[Event]) -> list[Answer]:
        """Deliver events; an answer for each."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """How one delivery ended."""

    claimed: ClaimedOutcome
    answer: Answer


class SinkWorker:
    """One sink's deliveries. ``client`` and ``schedule`` are public: a test of the sink uses the same client.

    ``traces``: None traces nothing.
    """

    def __init__(
        self,
        client: Client,
        schedule: RetrySchedule,
        monotonic: Callable[[], float] = time.monotonic,
        traces: MessageTraces | None = None,
    ) -> None:
        self.client = client
        self.schedule = schedule
        self._monotonic = monotonic
        self._traces = traces
        self._pace = Pace(client.claims, max(TOLERATED, client.at_once))
        self._waiting: deque[tuple[ClaimedOutcome, Event]] = deque()
        self._lock = threading.Lock()
        self._active = 0  # threads
        self._begun = 0  # outcomes
        self._stuck = False  # what was claimed ahead has waited in vain, and no delivery has ended since

    @property
    def idle(self) -> bool:
        """Whether nothing is claimed or under way."""
        with self._lock:
            return not self._waiting and not self._begun

    @property
    def load(self) -> int:
        """How many calls its claims make."""
        with self._lock:
            return -(-(len(self._waiting) + self._begun) // self.client.batch)

    @property
    def failing(self) -> bool:
        """Whether the sink gets one delivery at a time, which shows if it works again."""
        with self._lock:
            return self._pace.failing

    def room(self) -> int:
        """How many more outcomes may be claimed for this sink now."""
        with self._lock:
            ahead = self.client.at_once * self.client.batch if self._stuck else self.client.claims
            return max(0, min(ahead, self._pace.room(self._monotonic())) - len(self._waiting) - self._begun)

    def reopen(self) -> None:
        """Forget the failures: an operator asks for another try."""
        with self._lock:
            self._pace = self._pace.reopened()

    def deliver(self, items: Sequence[tuple[ClaimedOutcome, Event]], ended: Callable[[list[Ended]], None]) -> None:
        """Deliver events in the background; ``ended`` is called from those threads."""
        with self._lock:
            self._waiting.extend(items)
            wanted = -(-len(self._waiting) // self.client.batch)
            starting = max(0, min(self.client.at_once, self._active + wanted) - self._active)
            self._active += starting
        for _ in range(starting):
            threading.Thread(target=self._work, args=(ended,), name="deliver", daemon=True).start()

    def take_back(self, *, everything: bool = False) -> list[ClaimedOutcome]:
        """Claims whose delivery has not begun: of a sink that fails, or ``everything``. They are not delivered here any more.

        Also of a sink whose threads have ended at a pause that is over by now, as after a store that did not answer for so long;
        and of any sink those whose delivery could outlast their lease by now.
        """
        with self._lock:
            now, taken = self._monotonic(), []
            all_of_them = everything or not self._active or self._pace.room(now) == 0
            while self._waiting and (all_of_them or not self._may_begin(now)):
                claimed, _ = self._waiting.popleft()
                taken.append(claimed)
            self._stuck = self._stuck or (bool(taken) and not all_of_them)
            return taken

    def _work(self, ended: Callable[[list[Ended]], None]) -> None:
        while items := self._next():
            since = self._monotonic()
            answers = self._answers([event for _, event in items])
            if self._traces is not None:
                self._traces.deliveries([_ended(item, answer, since) for item, answer in zip(items, answers, strict=True)])
            with self._lock:
                self._pace = self._pace.after(answers[-1], self._monotonic())  # of a batch, all end alike
                self._begun -= len(items)
                self._stuck = False
            ended([Ended(claimed, answer) for (claimed, _), answer in zip(items, answers, strict=True)])

    def _next(self) -> list[tuple[ClaimedOutcome, Event]]:
        with self._lock:
            now = self._monotonic()
            items: list[tuple[ClaimedOutcome, Event]] = []
            most = self.client.batch if self._pace.room(now) > 0 else 0
            while len(items) < most and self._may_begin(now):
                items.append(self._waiting.popleft())
            self._begun += len(items)
            if not items:
                self._active -= 1
            return items

    def _may_begin(self, now: float) -> bool:
        """Whether something waits, and the lease of what has waited the longest outlasts its delivery."""
        return bool(self._waiting) and now <= self._waiting[0][0].begin_by

    def _answers(self, events: Sequence[Event]) -> list[Answer]:
        try:
            return self.client.deliver(events)
        except Exception as error:
            log.exception("outcome delivery raised")
            return [failed(str(Fault(type(error).__name__)))] * len(events)


def _ended(item: tuple[ClaimedOutcome, Event], answer: Answer, since: float) -> EndedDelivery:
    claimed, event = item
    failed = None if answer.taken else answer.status
    outcome = claimed.outcome
    return EndedDelivery(claimed.sink, outcome.message_id, outcome.state, event.traceparent, since, failed)
