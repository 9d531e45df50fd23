"""How deliveries ended, recorded by several processes in one store, with a clock that the test sets."""

from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.outcomes import schedule
from smsrelay_worker.outcomes.answer import Answer, Verdict, failed
from smsrelay_worker.outcomes.results import Results
from smsrelay_worker.outcomes.sink_worker import Ended
from smsrelay_worker.store.sinks.outcomes import ClaimedOutcome, OutcomeOutbox
from smsrelay_worker.store.sinks.sink_states import SinkStates
from tests.support.messages import RETENTION

SHOP = "shop.webhook"
TAKEN = Answer(Verdict.TAKEN, "200")


def ended(number: int, answer: Answer) -> list[Ended]:
    outcome = Outcome(f"018f-{number}", 5, State.DELIVERED, 1, "200", "status.200", 0)
    return [Ended(ClaimedOutcome(SHOP, outcome, 0, 0, 0.0), answer)]


def test_a_success_right_after_another_process_failed_ends_the_failure_also_when_nothing_follows(redis: StoreRedis) -> None:
    """Otherwise the sink would be said to fail, and the next failure, a day later, would pause it."""
    now, states = 0.0, SinkStates(redis)
    outbox = OutcomeOutbox(redis, RETENTION)
    first, second = (Results(outbox, states, lambda _: schedule.WEBHOOK, lambda: 0.5, lambda: now) for _ in range(2))
    second.add(ended(1, TAKEN))
    second.record()
    first.add(ended(2, failed("timeout")))
    first.record()
    now = 1.0
    second.add(ended(3, TAKEN))
    second.record()
    assert states.read()[SHOP].failing_since is not None
    now = 60.0
    second.record()
    assert states.read()[SHOP].failing_since is None
    assert states.read()[SHOP].status == "200"
