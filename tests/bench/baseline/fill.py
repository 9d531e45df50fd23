"""An app of the baseline: ``python -m tests.bench.baseline.fill HOW COUNT FIRST``, HOW ``single`` or ``bulk``.

Queues COUNT tasks, to numbers from FIRST on, and prints as JSON how many seconds it took. ``single`` calls ``delay`` for each;
``bulk`` publishes groups, Celery's idiom for many tasks.
"""

import json
import sys
import time
import uuid
from itertools import islice

from celery import group

from tests.bench.baseline.tasks import send_sms

_GROUP = 500  # tasks a group


def main() -> None:
    """Fill the queue."""
    how, count, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    numbers = iter(range(first, first + count))
    send_sms.delay(str(uuid.uuid4()), f"+{next(numbers)}", "0000000", ["394021"])  # connects; not timed
    started = time.perf_counter()
    if how == "single":
        for number in numbers:
            send_sms.delay(str(uuid.uuid4()), f"+{number}", "0000000", ["394021"])
    else:
        while part := list(islice(numbers, _GROUP)):
            group(send_sms.s(str(uuid.uuid4()), f"+{number}", "0000000", ["394021"]) for number in part).apply_async()
    print(json.dumps({"count": count - 1, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
