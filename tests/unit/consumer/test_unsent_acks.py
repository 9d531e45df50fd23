"""Unsent acknowledgements, flushed by two threads at once."""

from collections import deque

from smsrelay_worker.consumer.unsent_acks import drain
from tests.support.schedules import Check, Schedule, every_schedule


class Tags(deque[str]):
    """A deque that lets the other thread run between any two operations."""

    schedule: Schedule

    def __len__(self) -> int:
        self.schedule.pause()
        return super().__len__()

    def popleft(self) -> str:
        self.schedule.pause()
        return super().popleft()


def test_two_threads_that_flush_at_once_send_each_tag_once() -> None:
    def scene(schedule: Schedule) -> Check:
        tags, sent = Tags("abc"), list[list[str]]()
        tags.schedule = schedule
        for _ in range(2):
            schedule.start(lambda: sent.append(drain(tags)))

        def check() -> None:
            assert sorted(tag for drained in sent for tag in drained) == ["a", "b", "c"]

        return check

    assert every_schedule(scene) > 10
