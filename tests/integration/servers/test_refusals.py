"""A store and broker that answers and refuses, in every way that a real server can be brought to: nobody takes it for a fault."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from smsrelay.broker.publisher import BrokerUnavailable, Publisher
from smsrelay.broker.task_message import ATTEMPT, TaskMessage
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.lanes import Lane
from smsrelay.enqueue import Enqueuer
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, StoreUnavailable, open_store
from smsrelay.store.inbox import Inbox
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.outbox import Outbox
from smsrelay.store.records import Records
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.store.counts import Counts
from smsrelay_worker.store.undecodable import UndecodableTasks
from smsrelay_worker.store.worker_registry import WorkerProcess, WorkerRegistry
from tests.support.forwarder import forwarding
from tests.support.messages import NUMBER_KEY, NUMBER_KEYS, RETENTION, job
from tests.support.refusals import REFUSALS, busy, full, too_few_replicas
from tests.support.shell import Shell
from tests.support.valkey import running_valkey

_NUMBER = "13812345678"
_TASK = TaskMessage(name=ATTEMPT, queue=Lane.OTP.queue, kwargs={"ids": ["m1"]}, shown="m1")
_PROCESS = WorkerProcess("worker@host", "host", 1, ("sms.otp",), 1)
_WRITES = ("enqueue", "enqueue_all", "a report", "reports", "a job nobody can read", "slots", "a halt", "a heartbeat")
_READERS_ARE_SERVED = {"NOREPLICAS", "OOM", "READONLY", "NOPERM"}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server of its own: what is set on it harms nobody."""
    with running_valkey(free_port(), tmp_path / "valkey") as address:
        yield f"{address}/0"


@pytest.fixture
def client(url: str) -> Iterator[StoreRedis]:
    """As our own are, opened and used before anything is refused."""
    with open_store(StoreAddress(url)) as opened:
        opened.ping()
        yield opened


def writes(client: StoreRedis, url: str) -> dict[str, Callable[[], object]]:
    """What is written to a store, each as its user does it."""
    event = StatusEvent(message_id="m1", attempt=1, code="200", received_at=1)
    enqueuer = Enqueuer(
        Outbox(client, NUMBER_KEYS), Publisher(url), {}, Records(client, 3600), numbers=NumberIndex(client, NUMBER_KEYS)
    )
    return {
        "enqueue": lambda: enqueuer.enqueue(job()),
        "enqueue_all": lambda: enqueuer.enqueue_all([job() for _ in range(120)]),  # several calls, side by side
        "a report": lambda: Inbox(client).record([event]),
        "reports": lambda: Inbox(client).record([event.model_copy(update={"attempt": number}) for number in range(1, 600)]),
        "a job nobody can read": lambda: UndecodableTasks(client, RETENTION).keep("sms.otp", "a reason", "a body"),
        "slots": lambda: RateLimiter(client, 10.0).acquire(Lane.OTP, "t", [1], 0.1),
        "a halt": lambda: RateLimiter(client, 10.0).halt("i001"),
        "a heartbeat": lambda: WorkerRegistry(client).alive(_PROCESS),
    }


def reads(client: StoreRedis) -> dict[str, Callable[[], object]]:
    """The same of what only reads."""
    store = Records(client, RETENTION)
    return {
        "read": lambda: store.read("m1"),
        "read_many": lambda: store.read_many(["m1", "m2"]),
        "claim": lambda: store.claim(["m1", "m2"]),
        "unlisted": Counts(client).unlisted,
        "rate": RateLimiter(client, 10.0).state,
        "processes": WorkerRegistry(client).processes,
    }


@pytest.mark.parametrize("word", REFUSALS)
def test_whatever_is_done_to_a_store_that_refuses_says_that_it_is_away_and_why(client: StoreRedis, url: str, word: str) -> None:
    done = writes(client, url) | ({} if word in _READERS_ARE_SERVED else reads(client))
    words = "MASTERDOWN|READONLY" if word == "MASTERDOWN" else word  # a lone command that writes is refused for that
    with REFUSALS[word](url):
        for act in done.values():
            with pytest.raises(StoreUnavailable, match=words):
                act()
    for act in done.values():
        act()  # and it goes on by itself


@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("word", REFUSALS)
def test_a_broker_that_refuses_says_that_it_is_away_and_why(url: str, word: str, tasks: int) -> None:
    with Publisher(url) as publisher:
        publisher.publish(_TASK)
        words = "READONLY" if word == "MASTERDOWN" else word  # to who writes it is a replica first
        with REFUSALS[word](url), pytest.raises(BrokerUnavailable, match=words):
            publisher.publish_many([_TASK] * tasks)
        publisher.publish_many([_TASK] * tasks)  # and goes on by itself


@pytest.mark.parametrize("act", _WRITES)
def test_after_a_failover_behind_one_name_the_new_primary_is_found(url: str, tmp_path: Path, act: str) -> None:
    """The old one lives on as a replica, and a connection to it would be refused for ever."""
    with running_valkey(free_port(), tmp_path / "new") as new, forwarding(_port_of(url)) as name:
        address = f"redis://127.0.0.1:{name.port}/0"
        with open_store(StoreAddress(address)) as client:
            write = writes(client, address)[act]
            write()
            with REFUSALS["READONLY"](url):
                name.target = _port_of(new)
                write()


@pytest.mark.parametrize("tasks", [1, 3])
def test_after_a_failover_behind_one_name_the_new_broker_is_found(url: str, tmp_path: Path, tasks: int) -> None:
    with running_valkey(free_port(), tmp_path / "new") as new, forwarding(_port_of(url)) as name:
        with Publisher(f"redis://127.0.0.1:{name.port}/0") as publisher:
            publisher.publish_many([_TASK] * tasks)
            with REFUSALS["READONLY"](url):
                name.target = _port_of(new)
                with pytest.raises(BrokerUnavailable, match="READONLY"):
                    publisher.publish_many([_TASK] * tasks)
                publisher.publish_many([_TASK] * tasks)
        with Redis.from_url(f"{new}/0") as looked_at:
            assert looked_at.llen(Lane.OTP.queue) == tasks


def test_a_script_that_is_at_fault_is_no_outage(client: StoreRedis, url: str) -> None:
    """A key of ours holds something else: asked again, it would fail again."""
    client.set("{sms}:agenda", "no sorted set")
    with pytest.raises(Exception, match="WRONGTYPE") as raised:
        writes(client, url)["enqueue"]()
    assert not isinstance(raised.value, StoreUnavailable)


def _port_of(url: str) -> int:
    return int(url.removesuffix("/0").rpartition(":")[2])


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "status --json",
        "rate",
        "rate 50",
        "resume",
        "show m1",
        "why m1",
        "cancel m1",
        "dead list",
        "dead show m1",
        "dead replay m1",
        "dead replay --all",
        f"send --to {_NUMBER} --template t --lane otp --param 123456",
        "bulk campaign.csv --lane notice --template t",
    ],
)
def test_every_command_says_so_in_a_sentence_and_ends_with_3(tmp_path: Path, url: str, command: str) -> None:
    (tmp_path / "campaign.csv").write_text(f"to,p1\n{_NUMBER},123456\n", encoding="utf-8")
    settings = {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY}
    with busy(url):
        ended = Shell(tmp_path, settings).run(*command.split())
    assert ended.code == 3, ended.errors
    assert "Traceback" not in ended.errors
    assert "BUSY: a script" in ended.errors
    assert _NUMBER not in ended.errors + ended.output


@pytest.mark.parametrize(("refusing", "word"), [(full, "OOM"), (too_few_replicas, "NOREPLICAS")])
def test_what_a_command_could_not_write_it_says_too(tmp_path: Path, url: str, refusing: Callable[..., object], word: str) -> None:
    settings = {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY}
    send = f"send --to {_NUMBER} --template t --lane otp --param 123456"
    with refusing(url):  # type: ignore[attr-defined]
        ended = Shell(tmp_path, settings).run(*send.split())
    assert (ended.code, word in ended.errors) == (3, True), ended.errors


def test_doctor_says_why_the_store_does_not_serve(tmp_path: Path, url: str) -> None:
    settings = {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url, "SMSRELAY_NUMBER_KEYS": NUMBER_KEY}
    with busy(url):
        ended = Shell(tmp_path, settings).run("doctor", "--json")
    assert ended.code == 2
    assert "BUSY: a script" in ended.output
    assert "Traceback" not in ended.errors
