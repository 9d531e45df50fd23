"""One sink's deliveries with threads, and a clock that the test sets."""

import threading
from collections.abc import Sequence

from smsrelay.contract.state import State
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.outcomes.answer import Answer, Verdict, failed
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.schedule import WEBHOOK
from smsrelay_worker.outcomes.sink_worker import Ended, SinkWorker
from smsrelay_worker.store.sinks.outcomes import ClaimedOutcome
from tests.support.waiting import eventually

SHOP = "shop.webhook"


class _Dead:
    at_once, batch, claims = 2, 1, 32

    def deliver(self, events: Sequence[Event]) -> list[Answer]:
        return [failed("connection refused")] * len(events)


class _Hanging:
    at_once, batch, claims = 2, 1, 32

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.released = threading.Event()

    def deliver(self, events: Sequence[Event]) -> list[Answer]:
        self.begun += [event.id for event in events]
        self.released.wait()
        return [Answer(Verdict.TAKEN, "200")] * len(events)


def claimed(number: int, begin_by: float = 10_000.0) -> tuple[ClaimedOutcome, Event]:
    outcome = Outcome(f"018f-{number}", 5, State.DELIVERED, 1, "200", "status.200", 0)
    return ClaimedOutcome(SHOP, outcome, 0, 0, begin_by), Event(f"msg_{number}", {})


def test_claims_that_a_failing_sink_left_are_given_back_even_when_its_pause_is_over_by_then() -> None:
    """The loop may come late: it waits while the store does not answer."""
    now = 0.0
    worker = SinkWorker(_Dead(), WEBHOOK, lambda: now)
    ended: list[Ended] = []
    worker.deliver([claimed(number) for number in range(10)], ended.extend)
    eventually(lambda: not any(thread.name == "deliver" for thread in threading.enumerate()), "it has failed and paused")
    assert worker.room() == 0
    now = 3600.0
    assert len(worker.take_back()) == 10 - len(ended)
    assert worker.idle
    assert worker.room() == 1


def test_claims_that_wait_too_long_behind_slow_deliveries_are_given_back_and_never_begin_late() -> None:
    now = 0.0
    client = _Hanging()
    worker, ended = SinkWorker(client, WEBHOOK, lambda: now), list[Ended]()
    worker.deliver([claimed(number, begin_by=7.0) for number in range(5)], ended.extend)
    worker.deliver([claimed(number, begin_by=8.0) for number in range(5, 10)], ended.extend)
    eventually(lambda: len(client.begun) == 2, "both deliveries hang")
    assert worker.take_back() == []
    now = 7.5
    assert worker.take_back() == [claimed(number, begin_by=7.0)[0] for number in (2, 3, 4)]
    assert worker.room() == 0, "what it gives back is not claimed here again at once"
    now = 8.5
    client.released.set()
    eventually(lambda: len(ended) == 2, "both have ended")
    assert worker.take_back() == [claimed(number, begin_by=8.0)[0] for number in range(5, 10)]
    assert client.begun == ["msg_0", "msg_1"]
    assert worker.idle
    assert worker.room() == client.claims
