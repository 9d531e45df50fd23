"""A worker is cut off from Redis when its answer is applied, before it hears so; another begins the same attempt meanwhile."""

import contextlib

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.messages.attempt_result import EARLIER
from tests.support.relay_process import RelayProcess
from tests.support.second_worker import BACK, FIRST, frozen, second_worker_started
from tests.support.severed import severed_after
from tests.support.store_keys import KEYS


@pytest.mark.parametrize(("answer", "words"), [("throttled_429", b'"class.throttled"'), ("bad_appcode", b'"class.halted"')])
def test_the_answer_it_gives_again_is_only_noted(relay: RelayProcess, answer: str, words: bytes) -> None:
    before, _, after = relay.environment["SMSRELAY_STORE_URL"].rpartition(":")
    port, _, database = after.partition("/")
    with contextlib.ExitStack() as up:
        up.callback(relay.relay.limiter.resume)
        severed = up.enter_context(severed_after(int(port), words))
        way = {"SMSRELAY_STORE_URL": f"{before}:{severed.port}/{database}"}
        with frozen(relay, FIRST):
            to, message_id = relay.scripted({"submits": [answer, "http_500", "200"]}, Lane.NOTICE)
            up.enter_context(second_worker_started(relay, "--together", settings=way))
            assert severed.cut.wait(BACK), "the second worker's answer was never applied"
            assert (relay.record(message_id).state, relay.record(message_id).attempt) == (State.QUEUED, 0)
        uncertain = relay.wait_state(message_id, State.UNCERTAIN, BACK)
        halved = relay.redis.hget(KEYS.rate, "halved_at")
        severed.mend()
        record = relay.wait(message_id, lambda record: record.timeline[-1].rule == EARLIER, "the answer is given again", BACK)
        assert (record.state, record.attempt, record.owner) == (State.UNCERTAIN, 1, uncertain.owner)
        assert len(relay.simulator.submits(to)) == 2
        assert relay.relay.limiter.halted() is None
        assert relay.redis.hget(KEYS.rate, "halved_at") == halved, "nobody is slowed down"
