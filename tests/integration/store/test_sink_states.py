"""The state of sinks in a real store: failures over a day pause one, a success ends them, an operator resumes."""

import json

import pytest

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.store.sinks.sink_states import Pause, SinkState, SinkStates
from tests.support.store_keys import KEYS

HOOK = "shop.webhook"
DAY = 24 * 3600


@pytest.fixture
def states(redis: StoreRedis) -> SinkStates:
    return SinkStates(redis)


def fail_since(redis: StoreRedis, seconds: int) -> None:
    """As if the first failure had been so long ago."""
    state = json.loads(str(redis.hget(KEYS.sink_states, HOOK)))
    state["failing"] -= seconds * 1000
    redis.hset(KEYS.sink_states, HOOK, json.dumps(state))


def test_nothing_is_known_of_a_sink_before_its_first_delivery(states: SinkStates) -> None:
    assert states.read() == {}


def test_a_day_of_nothing_but_failures_pauses_a_sink(states: SinkStates, redis: StoreRedis) -> None:
    assert states.report(HOOK, "500", taken=False).paused_at is None
    fail_since(redis, DAY - 60)
    assert states.report(HOOK, "500", taken=False).paused_at is None
    fail_since(redis, 60)
    state = states.report(HOOK, "timeout", taken=False)
    assert state.pause is Pause.FAILING
    assert (state.paused_at, state.status) == (state.at, "timeout")
    assert states.read() == {HOOK: state}


def test_one_success_begins_the_day_anew(states: SinkStates, redis: StoreRedis) -> None:
    states.report(HOOK, "500", taken=False)
    fail_since(redis, DAY)
    assert states.report(HOOK, "200", taken=True).failing_since is None
    assert states.report(HOOK, "500", taken=False).paused_at is None


def test_an_endpoint_that_is_gone_is_disabled_at_once(states: SinkStates) -> None:
    state = states.report(HOOK, "410", taken=False, gone=True)
    assert state.pause is Pause.GONE
    assert states.report(HOOK, "500", taken=False).paused_at == state.paused_at


def test_a_success_ends_no_pause_but_an_operator_does(states: SinkStates) -> None:
    paused = states.report(HOOK, "410", taken=False, gone=True)
    assert states.report(HOOK, "200", taken=True).paused_at == paused.paused_at
    before = states.resume(HOOK)
    assert before is not None
    assert before.paused_at == paused.paused_at
    assert states.read() == {}
    assert states.resume(HOOK) is None


def test_instants_survive_the_script_to_the_millisecond(states: SinkStates, redis: StoreRedis) -> None:
    states.report(HOOK, "500", taken=False)
    seconds, _ = redis.time()
    state = states.read()[HOOK]
    assert isinstance(state, SinkState)
    assert state.at is not None
    assert abs(state.at - int(seconds) * 1000) < 5000


def test_the_result_of_a_test_is_kept_for_whoever_asked(states: SinkStates, redis: StoreRedis) -> None:
    assert states.test_result("0a1b") is None
    states.keep_test("0a1b", "200")
    assert states.test_result("0a1b") == "200"
    assert 0 < redis.pttl(KEYS.sink_test("0a1b")) <= 60_000
