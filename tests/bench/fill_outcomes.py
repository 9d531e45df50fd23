"""Outcomes that wait for their delivery: ``python -m tests.bench.fill_outcomes COUNT FIRST``.

Enqueues COUNT messages of an app with a webhook, and puts an outcome of each into its outbox, as a delivery report would.
Settings come from the environment.
"""

import sys
import time
from itertools import islice

from smsrelay import Accepted, Enqueuer, Lane, ProducerSettings
from smsrelay.contract.state import State
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from tests.bench.fill import all_accepted, jobs

SINK = "bench.webhook"  # of the app whose jobs ``fill`` makes
_AT_ONCE = 1000


def main() -> None:
    """Fill the outbox."""
    count, first = int(sys.argv[1]), int(sys.argv[2])
    outcomes = Operations.wire(OperatorSettings()).outcomes
    with Enqueuer.connect(ProducerSettings()) as enqueuer:
        results = iter(enqueuer.enqueue_many(jobs(Lane.MARKETING, range(first, first + count))))
        while part := list(islice(results, _AT_ONCE)):
            all_accepted(part)
            outcomes.add(SINK, [_delivered(one) for one in part if isinstance(one, Accepted)])


def _delivered(accepted: Accepted) -> Outcome:
    at = time.time_ns() // 1_000_000
    return Outcome(accepted.message_id, 4, State.DELIVERED, 1, "200", "status.200", at)


if __name__ == "__main__":
    main()
