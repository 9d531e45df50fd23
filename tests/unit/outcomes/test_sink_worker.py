"""One sink's deliveries with threads, and a clock that the test sets."""

import threading
from collections.abc import Sequence

from smsrelay.contract.state import State
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.outcomes.answer import Answer, failed
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


def claimed(number: int) -> tuple[ClaimedOutcome, Event]:
    outcome = Outcome(f"018f-{number}", 5, State.DELIVERED, 1, "200", "status.200", 0)
    return ClaimedOutcome(SHOP, outcome, 0, 0), Event(f"msg_{number}", {})


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
