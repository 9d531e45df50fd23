"""Variables of other programs in the environment: whatever they say, our own settings decide."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from redis import Redis

from smsrelay.contract.state import State
from smsrelay_worker.local.stack import free_port
from tests.support.flower import flower
from tests.support.relay_process import ROOT, RelayProcess, a_recipient, running_relay
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

PASSWORD = "walrus-4711"
AT_IMPORT = ("CELERY_WORKER_REVOKES_MAX", "CELERY_BENCH_EVERY")  # Celery's command reads them before it looks for our app


def foreign_variables(elsewhere: str, folder: Path) -> dict[str, str]:
    """What the environment of a host, a cluster or another app may hold; ``elsewhere`` is the other app's broker."""
    celery = dict.fromkeys(("BROKER_URL", "BROKER_READ_URL", "BROKER_WRITE_URL"), elsewhere)
    unprefixed = {"APP": "shop", "BROKER_URL": elsewhere, "LOADER": "shop.loader", "CONFIG_MODULE": "shop.celeryconfig"}
    click = {"WORKER_CONCURRENCY": "many", "WORKER_POOL": "solo", "WORKER_QUEUES": "shop", "FLOWER_TORNADO_ARGV": "--port=1"}
    service = "tcp://10.96.0.17:5555"  # what Kubernetes makes of a Service named flower
    return {
        **{f"CELERY_{name}": value for name, value in (celery | click).items()},
        **unprefixed,
        "CELERY_RESULT_BACKEND": "shop.backends:Results",
        "RESULT_BACKEND": "shop.backends:Results",
        "CELERY_LOADER": "shop.loader:Loader",
        "CELERY_CONFIG_MODULE": "shop.celeryconfig",
        "CELERY_TASK_ALWAYS_EAGER": "1",
        "CELERY_TRACE_APP": "1",
        "CELERY_WORKER_REVOKES_MAX": "many",
        "CELERY_BENCH_EVERY": "many",
        "C_STRICT_APP": "1",
        "C_FAKEFORK": "1",
        "AUTOSCALE_KEEPALIVE": "long",
        "REMAP_SIGTERM": "SIGQUIT",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "KOMBU_LOG_DEBUG": "1",
        "GEVENT_RESOLVER": "shop.resolver",
        "GEVENT_LOOP": "shop.loop",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "nowhere"),
        "WEB_CONCURRENCY": "4",
        "FLOWER_PORT": service,
        "FLOWER_PORT_5555_TCP": service,
        "FLOWER_SERVICE_HOST": "10.96.0.17",
        "FLOWER_ADDRESS": "10.96.0.17",
        "FLOWER_READ_ONLY": "false",
        "FLOWER_BASIC_AUTH": "guest:guest",
        "FLOWER_UNAUTHENTICATED_API": "true",
        "FLOWER_AUTH": ".*@shop.example",
        "FLOWER_BROKER_API": "http://127.0.0.1:9/api/",
        "FLOWER_CONF": str(folder / "nowhere.py"),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        "NO_PROXY": "",
        "no_proxy": "",
        "REQUESTS_CA_BUNDLE": str(folder / "nowhere.pem"),
        "CURL_CA_BUNDLE": str(folder / "nowhere.pem"),
        "NETRC": str(folder / "nowhere.netrc"),
    }


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The broker of another app."""
    with running_valkey(free_port(), tmp_path_factory.mktemp("elsewhere")) as url:
        yield f"{url}/0"


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, elsewhere: str) -> Iterator[RelayProcess]:
    """A relay, each part of which was started with all of them."""
    folder = tmp_path_factory.mktemp("foreign")
    foreign = foreign_variables(elsewhere, folder) | {"SMSRELAY_FLOWER_AUTH": f"ops:{PASSWORD}"}
    with running_relay(folder / "relay", settings=foreign) as running:
        yield running


def test_a_message_is_delivered_and_the_other_apps_broker_stays_empty(relay: RelayProcess, elsewhere: str) -> None:
    message_id = relay.send(a_recipient())
    relay.wait_state(message_id, State.DELIVERED)
    with Redis.from_url(elsewhere) as other:
        assert other.keys("*") == []


def test_a_plain_celery_command_asks_our_workers(relay: RelayProcess) -> None:
    ping = [sys.executable, "-m", "celery", "-A", "smsrelay_worker.app", "inspect", "ping", "--timeout", "5"]
    environment = {name: value for name, value in relay.environment.items() if name not in AT_IMPORT}
    done = subprocess.run(ping, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert "pong" in done.stdout, done.stdout + done.stderr


def test_flower_starts_and_shows_our_workers_to_our_password_alone(relay: RelayProcess) -> None:
    with flower(relay.environment, relay.data) as url, requests.Session() as http:
        http.trust_env = False
        assert http.get(f"{url}/api/workers", timeout=10).status_code == 401
        assert http.get(f"{url}/api/workers", auth=("guest", "guest"), timeout=10).status_code == 401
        shown = eventually(
            lambda: http.get(f"{url}/api/workers", params={"refresh": 1}, auth=("ops", PASSWORD), timeout=10).json(), "a worker"
        )
        assert [name.split("@")[0] for name in shown] == ["worker"]
        [worker] = shown
        revoke = http.post(f"{url}/api/worker/shutdown/{worker}", auth=("ops", PASSWORD), timeout=10)
        assert revoke.status_code == 403
