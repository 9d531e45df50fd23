"""ReportBatcher and drain over a real spool, with a broker whose faults are chosen."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smsrelay.broker.publisher import BrokerUnavailable
from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.batcher import Kept, ReportBatcher, in_threads
from smsrelay.receiver.spool import Spool, SpoolFull, SpoolUnavailable
from smsrelay.receiver.spool_drain import SpoolDrain
from tests.support.waiting import eventually

LIMIT = 250
DEADLINE = 10.0


def report(number: int) -> StatusEvent:
    return StatusEvent(message_id=f"m{number}", attempt=1, code="200", received_at=number)


@dataclass
class Broker:
    """Refuses, stays silent, or takes; ``dies_after`` says after how many reports in all it stops answering."""

    refuses: bool = False
    dies_after: int | None = None
    answers: threading.Event = field(default_factory=threading.Event)
    batches: list[list[int]] = field(default_factory=list)
    asked: int = 0

    def __post_init__(self) -> None:
        self.answers.set()

    def publish(self, events: Sequence[StatusEvent]) -> None:
        self.asked += 1
        self.answers.wait(DEADLINE)
        if self.refuses:
            raise BrokerUnavailable("refused")
        self.batches.append([event.received_at for event in events])
        if self.dies_after is not None and len(self.taken) >= self.dies_after:
            raise BrokerUnavailable("took it, and died before it said so")

    @property
    def taken(self) -> list[int]:
        return [number for batch in self.batches for number in batch]

    def reachable(self) -> bool:
        return not self.refuses


@dataclass
class Rig:
    """The receiver's parts behind its door."""

    spool: Spool
    broker: Broker = field(default_factory=Broker)
    broker_down: threading.Event = field(default_factory=threading.Event)

    def forwarder(self, patience: float = DEADLINE) -> ReportBatcher:
        return ReportBatcher(in_threads(self.broker.publish), self.spool, self.broker_down, patience)

    def drain(self) -> SpoolDrain:
        return SpoolDrain(self.spool, self.broker.publish, self.broker.reachable, self.broker_down)

    @property
    def spooled(self) -> list[int]:
        return [spooled.event.received_at for spooled in self.spool.oldest(LIMIT)]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    spool = Spool(tmp_path, LIMIT)
    yield Rig(spool)
    spool.close()


async def keep_all(forwarder: ReportBatcher, numbers: Sequence[int]) -> list[Kept | BaseException]:
    return await asyncio.gather(*(forwarder.keep(report(number)) for number in numbers), return_exceptions=True)


def test_what_arrives_during_a_flush_goes_out_in_one(rig: Rig) -> None:
    async def scene() -> list[Kept | BaseException]:
        forwarder = rig.forwarder()
        rig.broker.answers.clear()
        first = asyncio.create_task(forwarder.keep(report(0)))
        while not rig.broker.asked:
            await asyncio.sleep(0.01)
        rest = asyncio.create_task(keep_all(forwarder, range(1, 100)))
        await asyncio.sleep(0)
        rig.broker.answers.set()
        return [await first, *await rest]

    assert asyncio.run(scene()) == [Kept.ENQUEUED] * 100
    assert rig.broker.batches == [[0], list(range(1, 100))]
    assert rig.spooled == []


def test_reports_that_the_broker_refuses_are_spooled_and_the_next_do_not_ask_it(rig: Rig) -> None:
    async def scene() -> list[Kept | BaseException]:
        forwarder = rig.forwarder()
        return [await forwarder.keep(report(number)) for number in range(5)]

    rig.broker.refuses = True
    assert asyncio.run(scene()) == [Kept.SPOOLED] * 5
    assert (rig.broker.asked, rig.spooled) == (1, [0, 1, 2, 3, 4])


def test_reports_on_a_silent_broker_are_spooled(rig: Rig) -> None:
    async def scene() -> list[Kept | BaseException]:
        forwarder = rig.forwarder(patience=0.05)
        rig.broker.answers.clear()
        return [await forwarder.keep(report(0)), *await keep_all(forwarder, [1, 2])]

    assert asyncio.run(scene()) == [Kept.SPOOLED] * 3
    rig.broker.answers.set()
    assert rig.spooled == [0, 1, 2]


def test_once_the_broker_is_seen_again_reports_go_to_it(rig: Rig) -> None:
    async def scene() -> list[Kept]:
        forwarder = rig.forwarder()
        rig.broker.refuses = True
        before = await forwarder.keep(report(0))
        rig.broker.refuses = False
        rig.drain().run_once()
        return [before, await forwarder.keep(report(1))]

    assert asyncio.run(scene()) == [Kept.SPOOLED, Kept.ENQUEUED]
    assert rig.broker.taken == [0, 1]


def test_a_full_spool_is_told_to_every_caller_and_the_next_that_fits_is_taken(rig: Rig) -> None:
    async def scene() -> list[Kept | BaseException]:
        forwarder = rig.forwarder()
        rig.broker_down.set()
        rig.spool.put([report(number) for number in range(LIMIT - 1)])
        return await keep_all(forwarder, [1000, 1001]) + await keep_all(forwarder, [1002])

    answers = asyncio.run(scene())
    assert [type(answer) for answer in answers] == [SpoolFull, SpoolFull, Kept]
    assert rig.spooled[-1] == 1002


def test_a_caller_that_goes_away_does_not_stop_the_others_flush(rig: Rig) -> None:
    async def scene() -> Kept:
        forwarder = rig.forwarder()
        rig.broker.answers.clear()
        leaver = asyncio.create_task(forwarder.keep(report(0)))
        stayer = asyncio.create_task(forwarder.keep(report(1)))
        while not rig.broker.asked:
            await asyncio.sleep(0.01)
        leaver.cancel()
        await asyncio.sleep(0)
        rig.broker.answers.set()
        return await stayer

    assert asyncio.run(scene()) is Kept.ENQUEUED
    assert rig.broker.batches == [[0, 1]]


def test_a_caller_is_told_when_it_takes_too_long_and_the_flush_goes_on(rig: Rig) -> None:
    async def scene() -> Kept | BaseException:
        forwarder = ReportBatcher(in_threads(rig.broker.publish), rig.spool, rig.broker_down, DEADLINE, answer_timeout=0.05)
        rig.broker.answers.clear()
        [told] = await keep_all(forwarder, [0])
        rig.broker.answers.set()
        while not rig.broker.batches:
            await asyncio.sleep(0.01)
        return told

    assert isinstance(asyncio.run(scene()), SpoolUnavailable)
    assert rig.broker.taken == [0]


def test_one_that_joins_those_who_were_told_already_is_told_in_time_too(rig: Rig) -> None:
    """While the flush before it hangs: there is one batch that waits, and it may be older than its newest report."""

    async def scene() -> list[Kept | BaseException]:
        forwarder = ReportBatcher(in_threads(rig.broker.publish), rig.spool, rig.broker_down, DEADLINE, answer_timeout=0.05)
        rig.broker.answers.clear()
        hangs = asyncio.create_task(keep_all(forwarder, [0]))
        while not rig.broker.asked:
            await asyncio.sleep(0.01)
        told = await keep_all(forwarder, [1])
        try:
            async with asyncio.timeout(DEADLINE / 2):
                return [*await hangs, *told, *await keep_all(forwarder, [2])]
        finally:
            rig.broker.answers.set()
            while len(rig.broker.taken) < 3:
                await asyncio.sleep(0.01)

    assert [type(told) for told in asyncio.run(scene())] == [SpoolUnavailable] * 3


def test_an_unforeseen_error_of_publishing_spools_the_reports_and_blames_no_broker(rig: Rig) -> None:
    def publish(events: Sequence[StatusEvent]) -> None:
        raise ZeroDivisionError

    forwarder = ReportBatcher(in_threads(publish), rig.spool, rig.broker_down)
    with capture_logs() as logs:
        assert asyncio.run(keep_all(forwarder, range(3))) == [Kept.SPOOLED] * 3
    assert rig.spooled == [0, 1, 2]
    assert not rig.broker_down.is_set()
    assert logs[0]["event"] == "publishing failed; the reports are spooled"


def test_the_log_names_every_report_in_one_line_a_flush(rig: Rig) -> None:
    rig.broker_down.set()
    with capture_logs() as logs:
        assert asyncio.run(keep_all(rig.forwarder(), range(3))) == [Kept.SPOOLED] * 3
    assert logs == [{"event": "callback.spooled", "log_level": "info", "reports": ["m0/1 200", "m1/1 200", "m2/1 200"]}]


def test_the_drain_brings_everything_in_order(rig: Rig) -> None:
    rig.spool.put([report(number) for number in range(LIMIT)])
    assert rig.drain().run_once() == LIMIT
    assert rig.broker.taken == list(range(LIMIT))
    assert rig.spooled == []


@pytest.mark.parametrize("dies_after", [1, 100, 101, 200, LIMIT])
def test_a_broker_that_dies_in_the_middle_gets_the_rest_later_and_nothing_is_lost(rig: Rig, dies_after: int) -> None:
    rig.spool.put([report(number) for number in range(LIMIT)])
    rig.broker.dies_after = dies_after
    with pytest.raises(BrokerUnavailable):
        rig.drain().run_once()
    rig.broker.dies_after = None
    rig.drain().run_once()
    first_seen = list(dict.fromkeys(rig.broker.taken))
    assert first_seen == list(range(LIMIT))
    assert len(rig.broker.taken) <= LIMIT + 100


def test_of_two_receivers_on_a_folder_one_drains(rig: Rig) -> None:
    rig.spool.put([report(1)])
    with rig.spool.sole_drainer():
        assert rig.drain().run_once() == 0
    assert rig.drain().run_once() == 1


def test_the_drain_runs_by_itself_and_sees_the_broker_come_back(rig: Rig) -> None:
    rig.spool.put([report(number) for number in range(3)])
    rig.broker.refuses = True
    with rig.drain():
        eventually(rig.broker_down.is_set)
        rig.broker.refuses = False
        eventually(lambda: not rig.broker_down.is_set())
        eventually(lambda: rig.spooled == [])
    assert rig.broker.taken == [0, 1, 2]


def test_the_drain_outlives_an_unforeseen_error_and_keeps_what_it_could_not_publish(rig: Rig) -> None:
    def publish(events: Sequence[StatusEvent]) -> None:
        raise ZeroDivisionError

    rig.spool.put([report(1)])
    with capture_logs() as logs, SpoolDrain(rig.spool, publish, rig.broker.reachable, rig.broker_down) as drain:
        eventually(lambda: "draining failed, tried again" in [line["event"] for line in logs])
        assert drain.alive
    assert rig.spooled == [1]


def test_a_broker_that_is_back_is_seen_with_nothing_spooled(rig: Rig) -> None:
    rig.broker_down.set()
    with rig.drain():
        eventually(lambda: not rig.broker_down.is_set())
    assert rig.broker.asked == 0
