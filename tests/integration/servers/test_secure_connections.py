"""Store, publisher and pipe over TLS and over a socket: each by itself, for one would stand in for another unseen."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import uvloop

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.receiver.redis_pipeline import RedisPipeline
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay.store.inbox import Inbox
from smsrelay_worker.local.stack import free_port
from tests.support.certificates import Authority
from tests.support.redis_server import running_redis

OTP = Lane.OTP.queue


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def secure(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server by TLS alone: its URL, without options."""
    port, shown = free_port(), authority.signs("server", "DNS:localhost")
    files = ("--tls-cert-file", str(shown.cert), "--tls-key-file", str(shown.key), "--tls-ca-cert-file", str(authority.ca))
    options = ("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no")
    with running_redis(tmp_path_factory.mktemp("secure"), *options, *files):
        yield f"rediss://localhost:{port}/5"


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("socket") / "a redis.sock"
    with running_redis(path.parent / "redis", "--port", "0", "--unixsocket", str(path)):
        yield path


@pytest.fixture(params=["rediss", "unix", "redis+socket"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "rediss":
        return f"{request.getfixturevalue('secure')}?ssl_ca_certs={request.getfixturevalue('authority').ca}"
    path = str(request.getfixturevalue("socket")).replace(" ", "%20")
    return f"unix://{path}?db=5" if request.param == "unix" else f"redis+socket://{path}?virtual_host=5"


def test_the_store_answers_and_runs_scripts(url: str) -> None:
    with open_store(StoreAddress(url), 1) as redis:
        assert redis.connection_pool.connection_kwargs["db"] == 5
        Inbox(redis).record([report(1)])


def test_a_task_is_published_to_the_same_database(url: str) -> None:
    with Publisher(url, 1) as publisher, open_store(StoreAddress(url), 1) as redis:
        before = redis.llen(OTP)
        publisher.publish(a_task())
        publisher.publish_many([a_task(), a_task()])
        assert publisher.queue_length(OTP) == redis.llen(OTP) == before + 3


def test_reports_go_through_the_pipe_itself(url: str) -> None:
    with open_store(StoreAddress(url), 1) as redis:
        before = redis.llen("sms.status")
        uvloop.run(piped(url, Inbox(redis)))
        assert redis.llen("sms.status") == before + 1


async def piped(url: str, inbox: Inbox) -> None:
    pipe = RedisPipeline(url, inbox, refuse)
    await asyncio.wait_for(pipe.publish([report(2)]), 10)
    await pipe.close()


async def refuse(_: Sequence[StatusEvent]) -> None:
    raise BrokerUnavailable("the long way is closed")


def test_without_our_authority_neither_store_nor_publisher_nor_pipe_trusts_the_server(secure: str) -> None:
    with open_store(StoreAddress(secure), 1) as redis:
        with pytest.raises(StoreUnavailable, match="is not signed by an authority that this host trusts"), store_answers():
            redis.ping()
        with Publisher(secure, 1) as publisher, pytest.raises(BrokerUnavailable, match="not signed by an authority"):
            publisher.look()
        with pytest.raises(BrokerUnavailable, match="long way"):
            uvloop.run(piped(secure, Inbox(redis)))


def a_task() -> TaskMessage:
    return TaskMessage(name=ATTEMPT, queue=OTP, kwargs={"ids": []}, shown="a task")


def report(number: int) -> StatusEvent:
    return StatusEvent(message_id=f"m{number}", attempt=1, code="200", received_at=number, extra={})
