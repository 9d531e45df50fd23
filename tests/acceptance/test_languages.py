"""The examples in other languages, as their readers run them: what they send is delivered, and a refusal says why."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from smsrelay_worker.local.stack import free_port
from tests.support.api_process import Api, running_api
from tests.support.languages import OVER_HTTP, OVER_QUEUE, Example, installed_node_project, require
from tests.support.relay_process import RelayProcess, a_code, a_recipient, a_reference, clean_environment, running_relay
from tests.support.waiting import eventually
from tests.support.webhook_receiver import SECRET, app_with_webhook

APP = "shop"  # of every example


@pytest.fixture(scope="session")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("node", "npm")
    return installed_node_project(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="module")
def api(relay: RelayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(relay.environment, tmp_path_factory.mktemp("api") / "api.log") as running:
        yield running


@pytest.fixture(scope="module")
def key(relay: RelayProcess) -> str:
    return relay.cli("key", "create", APP, "--name", "examples").stdout.strip()


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Example:
    """The one of the test's parameter, if this machine has its language."""
    require(*request.param.needs)
    return request.param.within(request.getfixturevalue("node_project")) if request.param.node else request.param


@pytest.mark.parametrize("example", OVER_QUEUE, ids=str, indirect=True)
def test_a_code_that_an_example_sends_over_the_queue_is_delivered(relay: RelayProcess, example: Example) -> None:
    to, code, reference = a_recipient(), a_code(), f"登录 {a_reference()}"
    message_id = referenced_id(APP, reference)
    assert _printed(example.run(relay.environment, to, code, reference)) == message_id
    eventually(lambda: relay.relay.records.read(message_id), "the job is recorded")
    _delivered_once(relay, message_id, to, code)


@pytest.mark.parametrize("example", OVER_QUEUE, ids=str, indirect=True)
def test_a_job_that_an_example_sends_over_the_queue_and_is_refused_is_kept_with_the_reason(
    relay: RelayProcess, example: Example
) -> None:
    reference = a_reference()
    _printed(example.run(relay.environment, "12345", a_code(), reference))
    kept = eventually(lambda: [one for one in relay.relay.undecodable.all() if reference in str(one.body)], "it is kept")
    assert kept[0].reason.startswith("to: ")
    assert kept[0].kept_id in relay.cli("dead", "list").stdout


@pytest.mark.parametrize("example", OVER_QUEUE, ids=str, indirect=True)
def test_an_example_whose_broker_is_away_says_so_and_ends(example: Example) -> None:
    nowhere = {"SMSRELAY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}
    ended = example.run(nowhere, a_recipient(), a_code(), a_reference())
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("not sent: ")
    assert "refused" in ended.stderr.lower()


@pytest.mark.parametrize("example", OVER_HTTP, ids=str, indirect=True)
def test_a_code_that_an_example_sends_over_http_is_delivered(relay: RelayProcess, api: Api, key: str, example: Example) -> None:
    to, code, reference = a_recipient(), a_code(), f"登录 {a_reference()}"
    told, state = _printed(example.run(_of_api(api, key), to, code, reference)).split()
    assert told == referenced_id(APP, reference)
    assert State(state)
    _delivered_once(relay, told, to, code)
    assert api.get(f"/v1/messages/{told}", key).json()["state"] == "delivered"


@pytest.mark.parametrize("example", OVER_HTTP, ids=str, indirect=True)
def test_an_example_whose_job_is_refused_over_http_says_why(api: Api, key: str, example: Example) -> None:
    ended = example.run(_of_api(api, key), "12345", "1[2", a_reference())
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "422 " in ended.stderr
    assert "\nto: " in ended.stderr
    assert "\nparams.0: holds U+005B LEFT SQUARE BRACKET at character 2" in ended.stderr


@pytest.mark.parametrize("example", OVER_HTTP, ids=str, indirect=True)
def test_an_example_with_a_wrong_key_says_so(api: Api, example: Example) -> None:
    ended = example.run(_of_api(api, "no key"), a_recipient(), a_code(), a_reference())
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "401 " in ended.stderr


@pytest.mark.parametrize("example", OVER_HTTP, ids=str, indirect=True)
def test_an_example_whose_api_is_away_fails(example: Example) -> None:
    nowhere = {"SMSRELAY_API_URL": f"http://127.0.0.1:{free_port()}", "SMSRELAY_API_KEY": "k"}
    ended = example.run(nowhere, a_recipient(), a_code(), a_reference())
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.strip()


def test_the_node_webhook_prints_an_outcome_once_and_refuses_what_we_did_not_sign(node_project: Path, tmp_path: Path) -> None:
    with _node_webhook(node_project, tmp_path / "webhook.log", SECRET) as (port, log):
        apps = tmp_path / "apps.toml"
        apps.write_text(app_with_webhook(APP, f"http://127.0.0.1:{port}/sms"), encoding="utf-8")
        with running_relay(tmp_path / "relay", settings={"SMSRELAY_APPS": str(apps)}) as relay:
            reference = a_reference()
            message_id = relay.send(a_recipient(), app=APP, reference=reference)
            line = f"message.delivered {message_id} {reference} delivered\n"
            eventually(lambda: line in log.read_text("utf-8"), "the webhook prints the outcome")
            tested = relay.cli("webhook", "test", APP)
            assert (tested.returncode, "message.test\n" in log.read_text("utf-8")) == (0, True), tested.stdout
        wrong = requests.post(f"http://127.0.0.1:{port}/sms", data="{}", headers={"webhook-id": "x"}, timeout=10)
        assert wrong.status_code == 400
        assert log.read_text("utf-8").count(line) == 1


def _printed(ended: "subprocess.CompletedProcess[str]") -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def _delivered_once(relay: RelayProcess, message_id: str, to: str, code: str) -> None:
    relay.wait_state(message_id, State.DELIVERED)
    assert [submit.parameters for submit in relay.simulator.submits(to)] == [(code,)]
    assert "delivered" in relay.cli("show", message_id).stdout


def _of_api(api: Api, key: str) -> dict[str, str]:
    return {"SMSRELAY_API_URL": api.url, "SMSRELAY_API_KEY": key}


@contextmanager
def _node_webhook(node_project: Path, log: Path, secret: str) -> Iterator[tuple[int, Path]]:
    """The Node example that receives outcomes: its port, and the file that it prints to."""
    port = free_port()
    environment = clean_environment() | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    with (
        log.open("wb") as lines,
        subprocess.Popen(
            ["node", "receive-webhook.js"], cwd=node_project, env=environment, stdout=lines, stderr=lines
        ) as process,
    ):
        try:
            eventually(lambda: "listening" in log.read_text("utf-8"), "it listens")
            yield port, log
        finally:
            process.kill()
