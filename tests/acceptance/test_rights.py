"""The rights that docs/operating.md lists suffice: every process works with a user of its own, and nothing is refused to any."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.local.stack import Part, Stack, free_port
from smsrelay_worker.operations.doctor.servers import redis_rights
from smsrelay_worker.wiring import Relay
from tests.support.documented_rights import admit_to_redis, rabbitmq_rules
from tests.support.flower import flower
from tests.support.rabbitmq import running_rabbitmq
from tests.support.redis_server import running_redis
from tests.support.relay_process import ROOT, RelayProcess, a_recipient, clean_environment, run_smsrelay, settings_of
from tests.support.simulator_client import Simulator
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

PLAIN, PASSWORD = "p/w#-4711", "p%2Fw%23-4711"
FLOWER = ("ops", "walrus-4711")
ROLES = ("app", "receiver", "worker", "flower", "operator", "smsrelay")
# What clients do on any connection, what the doctor asks to find out more (+info, +config|get), and what this test does itself.
ASIDE = {
    "hello",
    "auth",
    "select",
    "client|setinfo",
    "client|setname",
    "ping",
    "exec",
    "multi",
    "discard",
    "info",
    "config|get",
    "unwatch",
}
OURS = {"acl|setuser", "acl|log", "keys", "flushall", "config|resetstat"}

Urls = Mapping[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Guarded:
    """A running relay, each part of which has a user of its own."""

    relay: RelayProcess
    urls: Urls
    admin: Redis

    def run(self, role: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run_smsrelay({**self.relay.environment, **self.urls[role]}, *arguments)

    def refused(self) -> list[tuple[Any, ...]]:
        return [(one["username"], one["context"], one["object"]) for one in self.admin.acl_log()]


@pytest.fixture(scope="module")
def over_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder, port = tmp_path_factory.mktemp("rights"), free_port()
    with running_redis(folder / "redis", "--port", str(port)), Redis(port=port, decode_responses=True) as admin:
        admit_to_redis(admin, PLAIN)
        urls = {role: dict.fromkeys(("SMSRELAY_STORE_URL", "SMSRELAY_BROKER_URL"), _redis_url(role, port)) for role in ROLES}
        with guarded(folder / "relay", urls, admin) as running:
            yield running


@pytest.fixture(scope="module")
def over_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder, port = tmp_path_factory.mktemp("rights"), free_port()
    with (
        running_redis(folder / "redis", "--port", str(port)),
        Redis(port=port, decode_responses=True) as admin,
        running_rabbitmq(folder / "rabbitmq") as rabbitmq,
    ):
        admit_to_redis(admin, PLAIN)
        rabbitmq.control("add_vhost", "sms")
        urls = {}
        for role, rules in rabbitmq_rules().items():
            rabbitmq.control("add_user", role, PLAIN)
            rabbitmq.control("set_permissions", "-p", "sms", role, *rules)
            broker = f"amqp://{role}:{PASSWORD}@127.0.0.1:{rabbitmq.port}/sms"
            urls[role] = {"SMSRELAY_STORE_URL": _redis_url(role, port), "SMSRELAY_BROKER_URL": broker}
        operator = urls["worker"] | {"SMSRELAY_STORE_URL": _redis_url("operator", port)}
        with guarded(folder / "relay", urls | {"operator": operator}, admin) as running:
            yield running


def test_the_whole_relay_works_over_redis_and_nothing_is_refused(over_redis: Guarded) -> None:
    works(over_redis)
    assert over_redis.refused() == []


def test_the_whole_relay_works_over_rabbitmq_and_nothing_is_refused(over_rabbitmq: Guarded) -> None:
    works(over_rabbitmq)
    assert over_rabbitmq.refused() == []


def test_the_doctor_tries_every_command_that_was_used(over_redis: Guarded) -> None:
    used = set(over_redis.admin.info("commandstats"))
    tried = {command[0].lower() for command in (*redis_rights.store_commands(KEYS), *redis_rights.broker_commands(0))}
    tried |= {"script|load", "script|exists"}
    assert {name.removeprefix("cmdstat_") for name in used} - tried - ASIDE - OURS == set()


def works(guarded: Guarded) -> None:
    """Messages of every lane are delivered, Flower shows workers and tasks, every kind of command does what it is for."""
    relay, environment = guarded.relay, {**guarded.relay.environment, **guarded.urls["flower"]}
    with flower(environment, relay.data) as url, requests.Session() as http:
        http.trust_env, http.auth = False, FLOWER
        eventually(lambda: http.get(f"{url}/api/workers", params={"refresh": 1}, timeout=10).json(), "Flower sees the worker")
        sent = [relay.send(a_recipient(), lane) for lane in Lane]
        for message_id in sent:
            relay.wait_state(message_id, State.DELIVERED)
        eventually(lambda: len(http.get(f"{url}/api/tasks", timeout=10).json()) >= len(sent), "Flower shows the tasks")
        assert http.get(f"{url}/broker", timeout=10).ok
    for command in (
        ("status",),
        ("show", sent[0]),
        ("show", sent[0][:35]),
        ("export", "--to", "-"),
        ("suppress", "list"),
        ("why", sent[0]),
        ("dead", "list"),
        ("rate", "90"),
        ("rate", "default"),
        ("resume",),
    ):
        ended = guarded.run("operator", *command)
        assert ended.returncode == 0, (command, ended.stderr)
    assert guarded.run("operator", "dead", "replay", "--all").returncode == 0
    assert (
        guarded.run("app", "send", "--to", a_recipient(), "--template", "0000000", "--param", "1", "--lane", "otp").returncode
        == 0
    )
    asked = [sys.executable, "-m", "celery", "-A", "smsrelay_worker.app", "inspect", "ping", "--timeout", "5"]
    as_worker = {**relay.environment, **guarded.urls["worker"]}
    pong = subprocess.run(asked, cwd=ROOT, env=as_worker, capture_output=True, text=True, timeout=60, check=False)
    assert "pong" in pong.stdout
    assert "rights" not in guarded.run("smsrelay", "doctor").stdout


@contextmanager
def guarded(data: Path, urls: Urls, admin: Redis) -> Iterator[Guarded]:
    desk = LocalRelay(data, Ports(free_port(), free_port(), free_port(), free_port()), report_delay=0.1)
    named = clean_environment() | urls["worker"] | {"SMSRELAY_FLOWER_AUTH": ":".join(FLOWER)}
    environment = desk.environment(named)
    parts = [_as_user(part, urls) for part in desk.parts(named) if part.name not in {"flower", "broker"}]
    with ExitStack() as up:
        with chdir(ROOT):
            up.enter_context(Stack(tuple(parts), data, environment).running())
        simulator = up.enter_context(Simulator(f"http://127.0.0.1:{desk.ports.simulator}"))
        relay = Relay.wire(settings_of(environment | urls["app"]))
        up.callback(relay.enqueuer.close)
        yield Guarded(RelayProcess(data, environment, relay, simulator, admin), urls, admin)


def _as_user(part: Part, urls: Urls) -> Part:
    own = [f"{name}={url}" for name, url in urls.get(part.name, {}).items()]
    more = ("--together",) if part.name == "worker" else ()
    return replace(part, command=("env", *own, *part.command, *more))


def _redis_url(role: str, port: int) -> str:
    return f"redis://{role}:{PASSWORD}@127.0.0.1:{port}/0"
