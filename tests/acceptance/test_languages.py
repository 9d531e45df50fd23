"""The examples in other languages, as their readers run them: what they send is delivered, and a refusal says why."""

import subprocess
from pathlib import Path

import pytest

from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from smsrelay_worker.local.stack import free_port
from tests.support.languages import OVER_QUEUE, Example, installed_node_project, require
from tests.support.relay_process import RelayProcess, a_code, a_recipient, a_reference
from tests.support.waiting import eventually

APP = "shop"  # of every example


@pytest.fixture(scope="session")
def node_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("node", "npm")
    return installed_node_project(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Example:
    """The one of the test's parameter, if this machine has its language."""
    require(*request.param.needs)
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("example", OVER_QUEUE, ids=str, indirect=True)
def test_a_code_that_an_example_sends_over_the_queue_is_delivered(
    relay: RelayProcess, node_project: Path, example: Example
) -> None:
    to, code, reference = a_recipient(), a_code(), f"登录 {a_reference()}"
    message_id = referenced_id(APP, reference)
    assert _printed(example.run(node_project, relay.environment, to, code, reference)) == message_id
    eventually(lambda: relay.relay.records.read(message_id), "the job is recorded")
    _delivered_once(relay, message_id, to, code)


@pytest.mark.parametrize("example", OVER_QUEUE, ids=str, indirect=True)
def test_a_job_that_an_example_sends_over_the_queue_and_is_refused_is_kept_with_the_reason(
    relay: RelayProcess, node_project: Path, example: Example
) -> None:
    reference = a_reference()
    _printed(example.run(node_project, relay.environment, "12345", a_code(), reference))
    kept = eventually(lambda: [one for one in relay.relay.undecodable.all() if reference in str(one.body)], "it is kept")
    assert kept[0].reason.startswith("to: ")
    assert kept[0].kept_id in relay.cli("dead", "list").stdout


@pytest.mark.parametrize("example", OVER_QUEUE, ids=str, indirect=True)
def test_an_example_whose_broker_is_away_says_so_and_ends(node_project: Path, example: Example) -> None:
    nowhere = {"SMSRELAY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}
    ended = example.run(node_project, nowhere, a_recipient(), a_code(), a_reference())
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("not sent: ")
    assert "refused" in ended.stderr.lower()


def _printed(ended: "subprocess.CompletedProcess[str]") -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def _delivered_once(relay: RelayProcess, message_id: str, to: str, code: str) -> None:
    relay.wait_state(message_id, State.DELIVERED)
    assert [submit.parameters for submit in relay.simulator.submits(to)] == [(code,)]
    assert "delivered" in relay.cli("show", message_id).stdout
