"""An app of the relay: ``python -m tests.bench.fill HOW LANE COUNT FIRST [CAMPAIGN]``, HOW being ``single`` or ``bulk``.

Enqueues COUNT messages, to numbers from FIRST on, and prints as JSON how many seconds it took, including the time to build each
job. Settings come from the environment.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator

from smsrelay import Accepted, Enqueuer, Lane, ProducerSettings, SendJob


def jobs(lane: Lane, numbers: Iterable[int], campaign: str | None = None) -> Iterator[SendJob]:
    """A job for each number."""
    for number in numbers:
        yield SendJob(to=f"+{number}", template="0000000", params=("394021",), lane=lane, app="bench", campaign=campaign)


def all_accepted(results: Iterable[object]) -> None:
    """Check the result of each job; raises ``RuntimeError`` for one that was not accepted."""
    for result in results:
        if not isinstance(result, Accepted):
            raise RuntimeError(f"not accepted: {result}")  # noqa: TRY004  what came is of a known type


def main() -> None:
    """Fill the queue."""
    how, lane, count, first = sys.argv[1], Lane(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    made = jobs(lane, range(first, first + count), *sys.argv[5:])
    with Enqueuer.connect(ProducerSettings()) as enqueuer:
        enqueuer.enqueue(next(made))  # connects; not timed
        started = time.perf_counter()
        if how == "single":
            for job in made:
                enqueuer.enqueue(job)
        else:
            all_accepted(enqueuer.enqueue_many(made))
        print(json.dumps({"count": count - 1, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
