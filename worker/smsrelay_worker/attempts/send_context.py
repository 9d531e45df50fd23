"""SendContext: what every chunk of a worker process shares. The composition root fills it in once."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from smsrelay.enqueue import Enqueuer
from smsrelay.store.records import Records
from smsrelay_worker.attempts.admission import Admission
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
    admission: Admission
    sandbox: Sandbox
    policy: Policy
    timeouts: Timeouts
    monotonic: Callable[[], float] = time.monotonic
    stopping: threading.Event = field(default_factory=threading.Event)  # the process is about to end
