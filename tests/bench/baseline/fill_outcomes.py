"""Outcomes on the baseline's queue: ``python -m tests.bench.baseline.fill_outcomes COUNT``, a task each."""

import sys
import time
import uuid
from datetime import UTC, datetime
from itertools import islice

from celery import group

from tests.bench.baseline.tasks import tell_app

_GROUP = 500  # tasks a group


def main() -> None:
    """Fill the queue."""
    ids = iter([str(uuid.uuid4()) for _ in range(int(sys.argv[1]))])
    while part := list(islice(ids, _GROUP)):
        group(tell_app.s(f"msg_{one}_4", _event(one)) for one in part).apply_async()


def _event(message_id: str) -> dict[str, object]:
    data = {
        "id": message_id,
        "app": "bench",
        "reference": None,
        "lane": "marketing",
        "template": "0000000",
        "state": "delivered",
        "code": "200",
        "text": "Delivered",
        "zh": "已送达",
        "attempts": 1,
        "revision": 4,
        "tags": {},
        "test": False,
    }
    stamp = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    return {"type": "message.delivered", "timestamp": stamp, "data": data}


if __name__ == "__main__":
    main()
