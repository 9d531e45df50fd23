"""The stage: the whole relay as real processes in one temporary folder, with recognisable keys.

Takes a folder; yields a ``Stage`` with its URLs, store, simulator and Flower while it runs. The broker's URL carries a password:
Valkey's default user accepts any, so it serves as one more key to look for.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import requests
from pydantic import SecretStr

from smsrelay.enqueue import Enqueuer
from smsrelay.servers.store_address import StoreAddress
from smsrelay.settings import ProducerSettings
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.records import Records
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.local.stack import Part, Stack, free_port
from smsrelay_worker.policy.toml_file import packaged_source
from smsrelay_worker.rate_limit.limiter import RateLimiter
from tests.acceptance.leaks.apps_file import ANSWERS, SECRETS, SIGNED_WITH, apps_file, path
from tests.support.forked_command import run_command
from tests.support.simulator_client import Simulator
from tests.support.waiting import eventually
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver

KEYS = {
    "AppCode": "Zq81AppCode5f1c9e2b7a",
    "number key": "Zq81Number0d4b8a6c3e9f",
    "old number key": "Zq81NumberOld9e1c5b7d2f",
    "callback key": "Zq81Callback4f7b1e9c0a",
    "old callback key": "Zq81CallbackOld6d3a8f2e",
    "Flower's password": "Zq81Flower7c2e5a9b1d",
    "broker's password": "Zq81Broker3a8f6d0c4e",
    **SECRETS,
}
DEADLINE = 60.0  # seconds
# Lines of the packaged policy: the waits after a temporary code and after a halt, too long for a test.
_WAITS = ("base_s = 5, factor = 3, cap_s = 60", "base_s = 30, factor = 2, cap_s = 300")
_SHORT = "base_s = 1, factor = 1, cap_s = 1"
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Stage:
    """A running relay, and the ways to look at it."""

    desk: LocalRelay
    environment: Mapping[str, str]
    redis: StoreRedis
    enqueuer: Enqueuer
    simulator: Simulator
    flower: requests.Session
    webhooks: WebhookReceiver
    api_url: str
    metrics_url: str

    @property
    def broker_url(self) -> str:
        """Where tasks travel."""
        return self.environment["SMSRELAY_BROKER_URL"]

    @property
    def receiver_url(self) -> str:
        """Where callbacks go."""
        return self.environment["SMSRELAY_CALLBACK_URL"]

    @property
    def flower_url(self) -> str:
        """Base of Flower's pages."""
        return f"http://127.0.0.1:{self.desk.ports.flower}"

    @property
    def store(self) -> Records:
        """The records."""
        return Records(self.redis, retention=3600)

    @property
    def limiter(self) -> RateLimiter:
        """The switch that halts every submit."""
        return RateLimiter(self.redis, rate=1)

    def run(self, *arguments: str, given: Mapping[str, str] | None = None, stdin: str = "") -> str:
        """Run a command of Python's; returns its standard output and standard error."""
        environment = {**self.environment, **(given or {})}
        if arguments[:2] == ("-m", "smsrelay_worker"):
            return run_command(arguments[2:], environment, given=stdin.encode(), merged=True).stdout
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=_ROOT,
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE,
            check=False,
        )
        return done.stdout


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Start everything, and stop it in the end."""
    desk = LocalRelay(folder, Ports(free_port(), free_port(), free_port(), free_port()), report_delay=0.1)
    own = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
    with ExitStack() as open_:
        webhooks = open_.enter_context(webhook_receiver(SIGNED_WITH))
        webhooks.always |= {path(app): status for app, status in ANSWERS.items()}
        environment = desk.environment(own) | _chosen(desk, folder, webhooks.url)
        beside = api, metrics = _served("api", "/healthz"), _served("metrics", "/metrics")
        open_.enter_context(Stack((*_parts(desk, own), *beside), folder, environment).running())
        flower = open_.enter_context(requests.Session())
        flower.trust_env, flower.auth = False, ("admin", KEYS["Flower's password"])
        url, keys = environment["SMSRELAY_BROKER_URL"], SecretStr(environment["SMSRELAY_NUMBER_KEYS"])
        enqueuer = open_.enter_context(Enqueuer.connect(ProducerSettings(broker_url=url, store_url=url, number_keys=keys)))
        simulator = open_.enter_context(Simulator(f"http://127.0.0.1:{desk.ports.simulator}"))
        redis = open_.enter_context(open_store(StoreAddress(url)))
        stage = Stage(desk, environment, redis, enqueuer, simulator, flower, webhooks, api.url, metrics.url)
        eventually(lambda: len(flower.get(f"{stage.flower_url}/api/workers?refresh=1", timeout=10).json()) == 2, "two workers")
        yield stage


def _chosen(desk: LocalRelay, folder: Path, webhooks: str) -> dict[str, str]:
    policy, apps = folder / "policy.toml", folder / "apps.toml"
    apps.write_text(apps_file(webhooks, desk.ports.broker), encoding="utf-8")
    policy.write_text(_hasty(packaged_source()), encoding="utf-8")
    url = "redis://default:" + KEYS["broker's password"] + f"@127.0.0.1:{desk.ports.broker}/0"
    return {
        "SMSRELAY_BROKER_URL": url,
        "SMSRELAY_STORE_URL": url,
        "SMSRELAY_NUMBER_KEYS": f"{KEYS['number key']},{KEYS['old number key']}",
        "SMSRELAY_CALLBACK_KEYS": f"{KEYS['callback key']},{KEYS['old callback key']}",
        "SMSRELAY_APPCODE": KEYS["AppCode"],
        "SIMULATOR_APPCODE": KEYS["AppCode"],
        "SMSRELAY_FLOWER_AUTH": "admin:" + KEYS["Flower's password"],
        "SMSRELAY_POLICY": str(policy),
        "SMSRELAY_APPS": str(apps),
        "SMSRELAY_READ_TIMEOUT": "3",
        "SMSRELAY_CONCURRENCY": "3",  # few threads, so that slow vendor answers leave tasks reserved
        "SMSRELAY_UNSIGNED_CALLBACKS": "true",
    }


def _served(command: str, ready_path: str) -> Part:
    """A command that serves HTTP."""
    port = free_port()
    return Part(command, (sys.executable, "-P", "-m", "smsrelay_worker", command, "--port", str(port)), 15, port, ready_path)


def _hasty(source: str) -> str:
    for wait in _WAITS:
        assert wait in source, wait
        source = source.replace(wait, _SHORT)
    return source


def _parts(desk: LocalRelay, own: Mapping[str, str]) -> tuple[Part, ...]:
    verbose = (sys.executable, "-m", "celery", "-A", "smsrelay_worker.app", "worker", "--hostname", "verbose@%h")
    parts = [replace(part, command=(*part.command, "--together")) if part.name == "worker" else part for part in desk.parts(own)]
    return (*parts, Part("verbose", (*verbose, "--loglevel", "DEBUG", "--task-events"), 60))
