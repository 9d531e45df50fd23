"""Sender: the door through which messages are attempted.

Enters: message ids, from a wake-up that may be a repetition. Leaves: for each an ``Outcome`` saying what became of it. The steps:
1. claim the wake-up and read the records; one that finds nothing to start ends here;
2. wait for slots in the shared rate; without one, or halted, a message is put off, which is no attempt;
3. begin: write the attempt down, leased, before anything leaves the house (compare-and-set: one of many wake-ups wins);
4. submit to the vendor, several at a time (``attempts.submit``);
5. record the answers, whatever a report may have written meanwhile (``attempts.recorder``).
Killed between 3 and 5, the lease runs out and the message is uncertain; it is not submitted again blindly.
Fails with ``StoreUnavailable``: before 3 nothing has happened, after 3 the lease decides.
"""

import threading
import time
from collections.abc import Callable, Sequence

from smsrelay.enqueue import Enqueuer
from smsrelay_worker.attempts.chunk import Chunk, Doors
from smsrelay_worker.attempts.submit import Submitter
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.rate_limit.cost import MessageCost
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.reports.pending import PendingReports
from smsrelay_worker.store.records import Store


class Sender:
    """Attempts messages; safe to share between threads."""

    def __init__(  # noqa: PLR0913  the composition root hands over every collaborator by name
        self,
        *,
        store: Store,
        limiter: RateLimiter,
        submitter: Submitter,
        pending: PendingReports,
        enqueuer: Enqueuer,
        cost: MessageCost,
        policy: Policy,
        timeouts: Timeouts,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stopping = threading.Event()
        stopping = self._stopping
        self._doors = Doors(
            store, limiter, submitter, pending, enqueuer, cost, policy, timeouts, stopping.is_set, stopping.wait, monotonic
        )

    def attempt(self, message_ids: Sequence[str]) -> list[Outcome]:
        """Attempt each message that waits to be attempted; raises ``StoreUnavailable``."""
        return Chunk(self._doors, message_ids).attempt()

    def stop(self) -> None:
        """From now on chunks give back what is not begun: the process is about to end. May be called by a signal's handler."""
        self._stopping.set()
