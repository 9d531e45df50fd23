"""Broker and store behind sentinels: the primary is killed or falls silent, and no process of the relay ends.

Everybody who uses the broker is there: a worker, the receiver, an app with our library, a plain Celery app with kombu's own
transport for sentinels, Flower, and remote control.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from smsrelay.broker.queues import QUEUES
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.support.flower import flower, sees_a_worker
from tests.support.relay_process import TEMPLATE, RelayProcess, a_code, a_job, a_recipient, a_reference, running_relay
from tests.support.sentinels import MASTER, SentinelGroup, running_sentinels
from tests.support.waiting import eventually

BACK = 60.0  # seconds until everything goes on
BATCH = 30


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    with running_sentinels(tmp_path_factory.mktemp("sentinels")) as running:
        yield running


@pytest.fixture(scope="module")
def behind_sentinels(tmp_path_factory: pytest.TempPathFactory, group: SentinelGroup) -> Iterator[RelayProcess]:
    servers = {"SMSRELAY_BROKER_URL": group.url(), "SMSRELAY_STORE_URL": group.url(), "SMSRELAY_STORE_REPLICAS": "1"}
    data = tmp_path_factory.mktemp("behind-sentinels") / "relay"
    with running_relay(data, settings={**servers, "SMSRELAY_CONCURRENCY": "8"}) as running:
        yield running


@pytest.fixture(scope="module")
def plain_app(group: SentinelGroup) -> Iterator[Celery]:
    """An app that has Celery and not our library, as docs/operating.md says."""
    urls = ";".join(f"sentinel://127.0.0.1:{sentinel.port}/0" for sentinel in group.sentinels)
    options = {"master_name": MASTER, "socket_timeout": 2, "socket_connect_timeout": 2}
    with Celery(broker=urls, set_as_current=False) as app:
        app.conf.broker_transport_options = options
        yield app


@pytest.fixture(scope="module")
def flower_url(behind_sentinels: RelayProcess) -> Iterator[str]:
    with flower(behind_sentinels.environment, behind_sentinels.data) as url:
        yield url


@pytest.mark.parametrize("fault", ["killed", "silent"])
def test_a_primary_that_is_lost_ends_no_process_and_everybody_goes_on(
    behind_sentinels: RelayProcess, group: SentinelGroup, plain_app: Celery, flower_url: str, fault: str
) -> None:
    relay = behind_sentinels
    everybody_works(relay, plain_app, flower_url)
    before = relay.processes()
    jobs = [a_job(Lane.NOTICE) for _ in range(BATCH)]
    ids = [relay.accepted(job, BACK).message_id for job in jobs]
    with lost_primary(group, fault):
        jobs += [a_job(Lane.NOTICE) for _ in range(BATCH)]
        ids += [relay.accepted(job, BACK).message_id for job in jobs[BATCH:]]
        for message_id in ids:
            relay.wait_state(message_id, State.DELIVERED, BACK)
        everybody_works(relay, plain_app, flower_url)
    assert [len(relay.simulator.submits(job.to)) for job in jobs] == [1] * len(jobs)
    assert relay.processes() == before
    everybody_works(relay, plain_app, flower_url)  # the old primary is back, as a replica


def test_tasks_that_a_failover_lost_are_found_and_published_again(behind_sentinels: RelayProcess, group: SentinelGroup) -> None:
    """As much as a failover can lose: the queues, and what is unacknowledged."""
    relay = behind_sentinels
    jobs = [a_job(Lane.NOTICE) for _ in range(BATCH)]
    with lost_primary(group, "killed"):
        ids = [relay.accepted(job, BACK).message_id for job in jobs]
        relay.redis.delete(*QUEUES, "unacked", "unacked_index")
        for message_id in ids:
            relay.wait_state(message_id, State.DELIVERED, BACK)
    assert [len(relay.simulator.submits(job.to)) for job in jobs] == [1] * len(jobs)


@contextmanager
def lost_primary(group: SentinelGroup, fault: str) -> Iterator[None]:
    """The primary is lost inside, and back as a replica afterwards."""
    lose = group.kill_primary if fault == "killed" else group.freeze_primary
    lose()
    try:
        yield
    finally:
        group.await_failover()
        group.restore()


def everybody_works(relay: RelayProcess, plain_app: Celery, flower_url: str) -> None:
    to = a_recipient()
    job = {"to": to, "template": TEMPLATE, "params": [a_code()], "lane": "otp", "app": "plain", "reference": a_reference()}
    eventually(lambda: sent(plain_app, job), "a plain Celery app publishes", BACK)
    eventually(lambda: relay.simulator.submits(to), "its job is submitted", BACK)
    eventually(lambda: pinged(plain_app), "the worker answers a ping", BACK)
    eventually(lambda: sees_a_worker(flower_url, relay.environment), "Flower sees the worker", BACK)


def sent(app: Celery, job: dict[str, object]) -> bool:
    """Whether it was published; a reference makes repeating it harmless."""
    try:
        app.send_task("sms.send", kwargs={"job": job}, queue="sms.otp", retry=False)
    except (OperationalError, *app.connection_for_write().connection_errors):
        return False
    return True


def pinged(app: Celery) -> bool:
    try:
        return bool(app.control.ping(timeout=1.0, limit=1))
    except (OperationalError, *app.connection_for_write().connection_errors):
        return False
