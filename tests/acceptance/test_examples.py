"""examples/: each app is started as its own text says, sends through a real relay, and hears what became of its SMS."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from smsrelay_worker.local.stack import free_port
from tests.support.pages import ROOT, blocks
from tests.support.relay_process import RelayProcess, a_recipient, running_relay
from tests.support.waiting import eventually

EXAMPLES = ROOT / "examples"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
DELIVERED = {"submits": [{"reports": [{"code": 200}]}]}
HTTP = 10.0  # seconds


@pytest.fixture(scope="module")
def ports() -> dict[int, int]:
    """The port of each app, by the one that its text names."""
    return {shown: free_port() for shown in (8001, 8002, 8003)}


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, ports: Mapping[int, int]) -> Iterator[RelayProcess]:
    """A relay with the apps file of the examples' README."""
    folder = tmp_path_factory.mktemp("examples")
    [apps] = blocks("examples/README.md", "toml")
    for shown, port in ports.items():
        apps = apps.replace(f":{shown}/", f":{port}/")
    (folder / "apps.toml").write_text(apps, encoding="utf-8")
    with running_relay(folder / "relay", settings={"SMSRELAY_APPS": str(folder / "apps.toml")}) as running:
        yield running


@contextmanager
def process(relay: RelayProcess, example: str, folder: Path, *command: str) -> Iterator[None]:
    """An app's process, in the example's folder; what it prints goes to a file of its own."""
    with (folder / f"{Path(command[1]).stem}.log").open("wb") as log:
        environment = _environment(relay, folder)
        running = subprocess.Popen(
            [sys.executable, *command], cwd=EXAMPLES / example, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield
        finally:
            running.terminate()
            running.wait()


def run(environment: Mapping[str, str], example: str, *command: str) -> str:
    ended = subprocess.run(
        [sys.executable, *command], cwd=EXAMPLES / example, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def _environment(relay: RelayProcess, folder: Path) -> dict[str, str]:
    return {
        **relay.environment,
        "WEBHOOK_SECRET": SECRET,
        "DATABASE": str(folder / "database.sqlite3"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def up(url: str) -> str:
    eventually(lambda: _answers(url), f"{url} answers")
    return url


def delivered(relay: RelayProcess) -> str:
    """A recipient to whom everything is delivered."""
    to = a_recipient()
    relay.simulator.script(to, DELIVERED)
    return to


def test_the_fastapi_app_sends_a_code_and_hears_that_it_was_delivered(
    relay: RelayProcess, ports: Mapping[int, int], tmp_path: Path
) -> None:
    port = ports[8001]
    with process(relay, "fastapi", tmp_path, "-m", "uvicorn", "--port", str(port), "app:app"):
        url = up(f"http://127.0.0.1:{port}")
        sent = requests.post(f"{url}/codes", json={"id": 1, "phone": delivered(relay)}, timeout=HTTP)
        assert sent.status_code == 202
        message_id = sent.json()["message_id"]
        outcome = eventually(lambda: _json(f"{url}/outcomes/{message_id}"), "the app hears of it")
        assert (outcome["state"], outcome["reference"]) == ("delivered", "login-1")
        assert _json(f"{url}/codes/1")["state"] == "delivered"
        assert requests.delete(f"{url}/codes/{message_id}", timeout=HTTP).status_code == 409
        assert requests.post(f"{url}/codes", json={"id": 2, "phone": "+49"}, timeout=HTTP).status_code == 422
        assert requests.post(f"{url}/sms/outcomes", json={"data": {"id": message_id}}, timeout=HTTP).status_code == 401


def test_the_django_app_sends_after_its_commit_and_hears_that_it_was_delivered(
    relay: RelayProcess, ports: Mapping[int, int], tmp_path: Path
) -> None:
    environment, port = _environment(relay, tmp_path), ports[8002]
    run(environment, "django", "manage.py", "migrate")
    with process(relay, "django", tmp_path, "manage.py", "runserver", "--noreload", str(port)):
        url = up(f"http://127.0.0.1:{port}")
        sent = requests.post(f"{url}/orders", json={"number": 1, "phone": delivered(relay)}, timeout=HTTP)
        assert sent.status_code == 201
        order = eventually(lambda: _settled(f"{url}/orders/1"), "the app hears of it")
        assert order == {"number": 1, "sms": sent.json()["sms"], "state": "delivered"}
        assert requests.post(f"{url}/orders", json={"number": 2, "phone": "+49"}, timeout=HTTP).status_code == 422
        assert requests.post(f"{url}/sms/outcomes", json={"data": {}}, timeout=HTTP).status_code == 401


def test_the_django_app_enqueues_again_what_an_outage_lost(relay: RelayProcess, tmp_path: Path) -> None:
    environment = _environment(relay, tmp_path) | {"DJANGO_SETTINGS_MODULE": "shop.settings"}
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    away = environment | {"SMSRELAY_STORE_URL": nowhere, "SMSRELAY_BROKER_URL": nowhere}
    run(environment, "django", "manage.py", "migrate")
    to = delivered(relay)
    place = f"import django; django.setup(); from shop.models import Order; print(Order.place(3, '{to}').sms)"
    message_id = run(away, "django", "-c", place).strip()
    assert relay.relay.records.read(message_id) is None
    assert run(environment, "django", "manage.py", "enqueue_again") == "1 enqueued\n"
    assert run(environment, "django", "manage.py", "enqueue_again") == "0 enqueued\n"
    assert relay.wait_final(message_id).state == "delivered"


def test_the_flask_app_sends_and_its_celery_task_hears_that_it_was_delivered(
    relay: RelayProcess, ports: Mapping[int, int], tmp_path: Path
) -> None:
    port = ports[8003]
    worker = ("-m", "celery", "--app", "tasks", "worker", "--queues", "flask-example.sms", "--pool", "solo")
    with ExitStack() as running:
        running.enter_context(process(relay, "flask", tmp_path, *worker))
        running.enter_context(process(relay, "flask", tmp_path, "-m", "flask", "--app", "app", "run", "--port", str(port)))
        url = up(f"http://127.0.0.1:{port}")
        sent = requests.post(f"{url}/orders", json={"number": 1, "phone": delivered(relay)}, timeout=HTTP)
        assert sent.status_code == 202
        order = eventually(lambda: _settled(f"{url}/orders/1"), "the app hears of it")
        assert (order["sms"], order["state"]) == (sent.json()["sms"], "delivered")
        assert requests.delete(f"{url}/orders/1/sms", timeout=HTTP).status_code == 409
        assert requests.post(f"{url}/orders", json={"number": 2, "phone": "+49"}, timeout=HTTP).status_code == 422


@pytest.mark.parametrize(
    ("example", "command"),
    [
        ("flask", ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_app.py")),
        ("django", ("manage.py", "test")),
    ],
)
def test_the_apps_own_tests_pass_without_a_relay(example: str, command: tuple[str, ...], tmp_path: Path) -> None:
    needed = {"PATH": "/usr/bin:/bin", "DATABASE": str(tmp_path / "database.sqlite3")}
    run(needed | {"PYTHONDONTWRITEBYTECODE": "1"}, example, *command)


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=1)
    except requests.RequestException:
        return False
    return True


def _json(url: str) -> Any:
    answer = requests.get(url, timeout=HTTP)
    return answer.json() if answer.ok else None


def _settled(url: str) -> Any:
    order = _json(url)
    return order if order and order["state"] != "queued" else None
