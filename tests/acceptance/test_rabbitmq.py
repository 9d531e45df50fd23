"""The whole relay over RabbitMQ: what works over Redis works here, and survives what RabbitMQ and its workers may suffer."""

import os
import signal
from collections.abc import Iterator, Sequence

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.arrivals import each_arrived_once
from tests.support.processes import PARENT, TOGETHER, kill_9, pids
from tests.support.rabbitmq import RabbitMQ, running_rabbitmq
from tests.support.relay_process import RelayProcess, a_job, a_recipient, running_relay
from tests.support.second_worker import second_worker
from tests.support.waiting import eventually

BACK = 120.0  # seconds until everything goes on after a fault
WORKER, STORE = TOGETHER, "valkey-server"
PATIENT_VENDOR = ("--callback-retries", ",".join(["2"] * 60))  # calls back for two minutes
SETTINGS = {"SMSRELAY_CONCURRENCY": "8", "SMSRELAY_RATE": "20"}  # a worker has much in hand, and a bulk takes seconds
WAVE = 40  # singles: seconds of work
SLOW = 8.0  # seconds of the vendor, more than the relay waits: time enough to kill the worker that waits for its answer


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


@pytest.fixture(scope="module")
def relay_over_rabbitmq(tmp_path_factory: pytest.TempPathFactory, rabbitmq: RabbitMQ) -> Iterator[RelayProcess]:
    data = tmp_path_factory.mktemp("over-rabbitmq") / "relay"
    with running_relay(data, PATIENT_VENDOR, {**SETTINGS, "SMSRELAY_BROKER_URL": rabbitmq.url}) as running:
        yield running


@pytest.mark.parametrize("lane", list(Lane))
def test_a_message_is_submitted_reported_and_delivered(relay_over_rabbitmq: RelayProcess, lane: Lane) -> None:
    relay = relay_over_rabbitmq
    to = a_recipient()
    record = relay.wait_final(relay.send(to, lane))
    assert (record.state, record.attempt) == (State.DELIVERED, 1)
    assert len(relay.simulator.submits(to)) == 1


def test_a_report_of_503_is_followed_by_a_second_attempt(relay_over_rabbitmq: RelayProcess) -> None:
    to, message_id = relay_over_rabbitmq.scripted({"submits": ["503", "200"]})
    record = relay_over_rabbitmq.wait_final(message_id)
    assert (record.state, record.attempt) == (State.DELIVERED, 2)
    assert len(relay_over_rabbitmq.simulator.submits(to)) == 2


def test_a_bulk_is_delivered_once_each(relay_over_rabbitmq: RelayProcess) -> None:
    jobs = a_bulk(120)
    ids = accepted(relay_over_rabbitmq, jobs)
    delivered_once(relay_over_rabbitmq, jobs, ids)


def test_a_worker_killed_with_its_hands_full_loses_and_doubles_nothing(relay_over_rabbitmq: RelayProcess) -> None:
    relay = relay_over_rabbitmq
    slow = {"submits": [{"delay": 2, "reports": [{"code": 200, "after": 4}]}]}
    jobs = [*a_bulk(100, Lane.NOTICE), *a_bulk(30, Lane.OTP)]
    for job in jobs[:10]:
        relay.simulator.script(job.to, slow)
    ids = accepted(relay, jobs[:100]) + [relay.relay.enqueuer.enqueue(job).message_id for job in jobs[100:]]
    eventually(lambda: relay.simulator.submits(jobs[0].to), "a submit is under way")
    killed = kill_9(relay.data, WORKER)
    eventually(lambda: set(pids(relay.data, WORKER)) - {killed}, "the supervisor restarted the worker", BACK)
    each_arrived_once(relay, recipients(jobs, ids), BACK)


def test_an_attempt_cut_short_by_a_killed_worker_is_not_submitted_again(relay_over_rabbitmq: RelayProcess) -> None:
    relay = relay_over_rabbitmq
    script = {"submits": [{"delay": SLOW, "reports": [{"code": 200, "after": 1.5 * SLOW}]}]}
    under_way = dict(relay.scripted(script, lane) for lane in (Lane.OTP, Lane.NOTICE))
    eventually(lambda: all(relay.simulator.submits(to) for to in under_way), "the submits are under way", BACK)
    killed = kill_9(relay.data, WORKER)
    assert {relay.record(one).state for one in under_way.values()} == {State.SUBMITTING}
    eventually(lambda: set(pids(relay.data, WORKER)) - {killed}, "the supervisor restarted the worker", BACK)
    for lane in (Lane.OTP, Lane.NOTICE):  # behind the wake-ups that RabbitMQ gave back at the kill
        relay.wait_state(relay.send(a_recipient(), lane), State.DELIVERED, BACK)
    for to, message_id in under_way.items():
        record = relay.wait_final(message_id, BACK)
        assert (record.state, record.attempt) == (State.DELIVERED, 1)
        assert len(relay.simulator.submits(to)) == 1


def test_a_rolling_restart_under_load_submits_everything_once(relay_over_rabbitmq: RelayProcess) -> None:
    relay = relay_over_rabbitmq
    jobs = [job for _ in range(WAVE) for lane in Lane for job in a_bulk(1, lane)]
    with second_worker(relay, "--together") as second:
        starts = log(relay).count(" ready.")
        ids = one_by_one(relay, jobs[:WAVE])
        [parent] = pids(relay.data, PARENT, "--name worker ")
        os.kill(parent, signal.SIGTERM)
        ids += one_by_one(relay, jobs[WAVE : 2 * WAVE])
        eventually(lambda: log(relay).count(" ready.") > starts, "the first worker is back", BACK)
        ids += one_by_one(relay, jobs[2 * WAVE :])
        second.terminate()
        assert second.wait(BACK) == 0
    delivered_once(relay, jobs, ids)
    assert {relay.record(one).attempt for one in ids} == {1}


def test_a_kill_of_the_store_under_load_loses_and_doubles_nothing(relay_over_rabbitmq: RelayProcess) -> None:
    relay = relay_over_rabbitmq
    before = relay.processes()
    jobs = a_bulk(100)
    ids = accepted(relay, jobs)
    eventually(lambda: relay.simulator.submits(jobs[0].to), "the bulk is under way")
    kill_9(relay.data, STORE)
    jobs += a_bulk(10)
    ids += [relay.accepted(job, BACK).message_id for job in jobs[100:]]
    each_arrived_once(relay, recipients(jobs, ids), BACK)
    assert relay.processes() == before


def test_a_kill_of_rabbitmq_under_load_loses_and_doubles_nothing(relay_over_rabbitmq: RelayProcess, rabbitmq: RabbitMQ) -> None:
    relay = relay_over_rabbitmq
    before = relay.processes()
    jobs = a_bulk(100)
    ids = accepted(relay, jobs)
    eventually(lambda: relay.simulator.submits(jobs[0].to), "the bulk is under way")
    rabbitmq.kill()
    meanwhile = a_bulk(60)  # accepted without a broker; the outbox owes their wake-ups
    ids += accepted(relay, meanwhile)
    rabbitmq.start()
    delivered_once(relay, [*jobs, *meanwhile], ids)
    assert relay.processes() == before  # nobody was restarted


def test_tasks_that_end_while_rabbitmq_is_away_are_at_most_one_line_of_the_log_and_no_critical_one(
    relay_over_rabbitmq: RelayProcess, rabbitmq: RabbitMQ
) -> None:
    """RabbitMQ gives them out again, and they find nothing to start."""
    relay, before = relay_over_rabbitmq, len(log(relay_over_rabbitmq))
    script = {"submits": [{"delay": SLOW / 2, "reports": [{"code": 200, "after": 1}]}]}
    under_way = dict(relay.scripted(script) for _ in range(4))
    eventually(lambda: all(relay.simulator.submits(to) for to in under_way), "the submits are under way", BACK)
    rabbitmq.stop()
    for message_id in under_way.values():
        relay.wait_state(message_id, State.SUBMITTED, BACK)
    rabbitmq.start()
    for message_id in under_way.values():
        relay.wait_state(message_id, State.DELIVERED, BACK)
    told = log(relay)[before:].count("tasks not acknowledged: the broker was gone")
    assert told <= 1  # 0 when it heard of them just before it went
    assert '"critical"' not in log(relay)[before:]


def test_a_rabbitmq_that_falls_silent_under_load_loses_and_doubles_nothing(
    relay_over_rabbitmq: RelayProcess, rabbitmq: RabbitMQ
) -> None:
    relay = relay_over_rabbitmq
    before = relay.processes()
    jobs = a_bulk(60)
    ids = accepted(relay, jobs)
    eventually(lambda: relay.simulator.submits(jobs[0].to), "the bulk is under way")
    with rabbitmq.frozen():
        meanwhile = a_bulk(20)
        ids += accepted(relay, meanwhile)  # after ten seconds without RabbitMQ's word; the outbox owes their wake-ups
    delivered_once(relay, [*jobs, *meanwhile], ids)
    assert relay.processes() == before


def test_a_restart_of_rabbitmq_in_order_loses_and_doubles_nothing(relay_over_rabbitmq: RelayProcess, rabbitmq: RabbitMQ) -> None:
    relay = relay_over_rabbitmq
    before = relay.processes()
    jobs = a_bulk(100)
    ids = accepted(relay, jobs)
    eventually(lambda: relay.simulator.submits(jobs[0].to), "the bulk is under way")
    rabbitmq.stop()
    rabbitmq.start()
    delivered_once(relay, jobs, ids)
    assert relay.processes() == before


def test_a_channel_that_rabbitmq_closes_does_not_end_the_worker(relay_over_rabbitmq: RelayProcess, rabbitmq: RabbitMQ) -> None:
    relay = relay_over_rabbitmq
    before = pids(relay.data, WORKER)
    rabbitmq.control("eval", "application:set_env(rabbit, channel_tick_interval, 500).")
    rabbitmq.control("eval", "application:set_env(rabbit, consumer_timeout, 1000).")
    rabbitmq.control("close_all_connections", "so that new channels know the new limits")
    try:
        to, message_id = relay.scripted({"submits": [{"delay": 2.5, "reports": [{"code": 200, "after": 6}]}]})
        eventually(lambda: "delivery acknowledgement on channel" in log(relay), "RabbitMQ closed the worker's channel", BACK)
    finally:
        rabbitmq.control("eval", "application:set_env(rabbit, consumer_timeout, 1800000).")
        rabbitmq.control("close_all_connections", "so that new channels know the old limits")
    assert relay.wait_final(message_id, BACK).state is State.DELIVERED
    assert len(relay.simulator.submits(to)) == 1
    assert pids(relay.data, WORKER) == before


def test_a_worker_told_to_stop_gives_back_what_it_has_not_begun(relay_over_rabbitmq: RelayProcess) -> None:
    relay = relay_over_rabbitmq
    jobs = [*a_bulk(100, Lane.NOTICE), *a_bulk(20, Lane.OTP)]
    ids = accepted(relay, jobs[:100]) + [relay.relay.enqueuer.enqueue(job).message_id for job in jobs[100:]]
    eventually(lambda: relay.simulator.submits(jobs[0].to), "the bulk is under way")
    [stopped] = pids(relay.data, WORKER)
    os.kill(stopped, signal.SIGTERM)
    eventually(lambda: set(pids(relay.data, WORKER)) - {stopped}, "the supervisor restarted the worker", BACK)
    delivered_once(relay, jobs, ids)


def a_bulk(messages: int, lane: Lane = Lane.NOTICE) -> list[SendJob]:
    return [a_job(lane) for _ in range(messages)]


def accepted(relay: RelayProcess, jobs: Sequence[SendJob]) -> list[str]:
    return [one.message_id for one in relay.relay.enqueuer.enqueue_all(jobs)]


def one_by_one(relay: RelayProcess, jobs: Sequence[SendJob]) -> list[str]:
    return [relay.relay.enqueuer.enqueue(job).message_id for job in jobs]


def delivered_once(relay: RelayProcess, jobs: Sequence[SendJob], ids: Sequence[str]) -> None:
    for message_id in ids:
        assert relay.wait_final(message_id, BACK).state is State.DELIVERED
    each_arrived_once(relay, recipients(jobs, ids), BACK)


def recipients(jobs: Sequence[SendJob], ids: Sequence[str]) -> dict[str, str]:
    return {message_id: job.to for message_id, job in zip(ids, jobs, strict=True)}


def log(relay: RelayProcess, name: str = "worker") -> str:
    return (relay.data / f"{name}.log").read_text("utf-8", "replace")
