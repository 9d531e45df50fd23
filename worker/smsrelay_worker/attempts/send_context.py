"""SendContext: what every chunk of a worker process shares. The composition root fills it in once."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from smsrelay.enqueue import Enqueuer
from smsrelay.store.records import Reading, Records
from smsrelay_worker.attempts.sandbox import Sandbox
from smsrelay_worker.attempts.submit import Submitter
from smsrelay_worker.attempts.timeouts import Timeouts
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.rate_limit.cost import MessageCost
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.reports.pending import PendingReports


@dataclass(frozen=True, slots=True, kw_only=True)
class SendContext:
    """The collaborators of ``Sender`` and its chunks; each is safe to share between threads."""

    records: Records
    limiter: RateLimiter
    submitter: Submitter
    pending: PendingReports
    enqueuer: Enqueuer
    cost: MessageCost
    sandbox: Sandbox
    policy: Policy
    timeouts: Timeouts
    only_to: Collection[str] | None = None  # the only numbers, in E.164, to which anything is submitted; None: any
    monotonic: Callable[[], float] = time.monotonic
    stopping: threading.Event = field(default_factory=threading.Event)  # the process is about to end

    def may_text(self, reading: Reading) -> bool:
        """Whether a message may be submitted to its number: any number may be, unless the workers are told the only ones."""
        return self.only_to is None or reading.payload is None or reading.payload.to in self.only_to
