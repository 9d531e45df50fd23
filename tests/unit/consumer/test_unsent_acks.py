"""What a channel has to acknowledge, when two threads come to tell the broker at once."""

from collections import deque

from smsrelay_worker.consumer.unsent_acks import drain
from tests.support.schedules import Check, Schedule, every_schedule


class Owed(deque[str]):
    """A deque between any two uses of which the other thread may go on."""

    schedule: Schedule

    def __len__(self) -> int:
        self.schedule.pause()
        return super().__len__()

    def popleft(self) -> str:
        self.schedule.pause()
        return super().popleft()


def test_two_threads_that_settle_at_once_tell_each_tag_once_between_them() -> None:
    def scene(schedule: Schedule) -> Check:
        owed, told = Owed("abc"), list[list[str]]()
        owed.schedule = schedule
        for _ in range(2):
            schedule.start(lambda: told.append(drain(owed)))

        def check() -> None:
            assert sorted(tag for tags in told for tag in tags) == ["a", "b", "c"]

        return check

    assert every_schedule(scene) > 10
