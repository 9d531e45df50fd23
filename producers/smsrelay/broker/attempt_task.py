"""The tasks that have workers attempt recorded messages: ids alone, so that a queue knows nothing of numbers or texts."""

from collections.abc import Iterator, Sequence

from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.lanes import Lane

CHUNK = 50  # ids a task: shares Celery's cost per task, and is done within the visibility timeout


def attempt_task(lane: Lane, message_ids: Sequence[str]) -> TaskMessage:
    """The task that has workers attempt these messages."""
    shown = f"{lane.value} {message_ids[0]}" + (f" and {len(message_ids) - 1} more" if len(message_ids) > 1 else "")
    return TaskMessage(name=ATTEMPT, queue=lane.queue, kwargs={"ids": list(message_ids)}, shown=shown)


def attempt_tasks(lane: Lane, message_ids: Sequence[str]) -> Iterator[TaskMessage]:
    """The same for any number of messages."""
    for start in range(0, len(message_ids), CHUNK):
        yield attempt_task(lane, message_ids[start : start + CHUNK])
