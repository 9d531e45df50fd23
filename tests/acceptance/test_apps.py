"""The apps file with real processes: a wrong one starts no worker, a right one leads each outcome into the outbox of its sink."""

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.messages.outcome import Outcome
from tests.support.relay_process import RelayProcess, a_recipient, run_smsrelay, running_relay
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
TAGS = {"order": "4711"}


@pytest.fixture(scope="module")
def with_sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A relay whose app ``shop`` has a webhook at which nobody answers."""
    folder = tmp_path_factory.mktemp("apps")
    file = folder / "apps.toml"
    where = f'url = "http://127.0.0.1:{free_port()}/"\nprivate = true\nsecrets = ["{SECRET}"]\n'
    file.write_text(f"[shop.webhook]\n{where}", "utf-8")
    with running_relay(folder / "relay", settings={"SMSRELAY_APPS": str(file)}) as relay:
        eventually(lambda: relay.redis.hexists(KEYS.sinks, "shop"), "the worker has published its sinks")
        yield relay


def told(relay: RelayProcess, message_id: str) -> list[Outcome]:
    wires = relay.redis.zrange(KEYS.outcomes("shop.webhook"), 0, -1)
    return sorted((one for one in map(Outcome.decode, wires) if one.message_id == message_id), key=lambda one: one.revision)


def test_a_wrong_apps_file_ends_a_worker_with_every_problem_and_no_secret(relay: RelayProcess, tmp_path: Path) -> None:
    file = tmp_path / "apps.toml"
    file.write_text(f'[shop.webhook]\nurl = "http://shop.example/{SECRET}"\nsecrets = ["{SECRET}x"]\n[crm]\nquota = 5\n', "utf-8")
    ended = run_smsrelay(dict(relay.environment) | {"SMSRELAY_APPS": str(file)}, "worker")
    assert (ended.returncode, "Traceback" in ended.stderr) == (78, False), ended.stderr
    assert all(field in ended.stderr for field in ("shop.webhook.url: ", "shop.webhook.secrets[0]: ", "crm.quota: "))
    assert "whsec_A" not in ended.stderr


@pytest.mark.parametrize("command", [("resume",), ("rate",), ("dead", "list")])
def test_a_wrong_apps_file_does_not_keep_operators_from_commands_that_have_no_use_for_it(
    relay: RelayProcess, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "apps.toml"
    file.write_text("[shop", "utf-8")
    ended = run_smsrelay(dict(relay.environment) | {"SMSRELAY_APPS": str(file)}, *command)
    assert ended.returncode == 0, ended.stderr


def test_the_outcome_of_a_message_is_in_the_outbox_once_it_is_final(with_sink: RelayProcess) -> None:
    delivered = with_sink.send(a_recipient(), app="shop", tags=TAGS)
    failing = {"submits": [{"reports": [{"code": 504}]}]}
    _, failed = with_sink.scripted(failing, lane=Lane.NOTICE, app="shop")
    others = with_sink.send(a_recipient(), app="other")
    for message_id, state in ((delivered, State.DELIVERED), (failed, State.FAILED)):
        record = with_sink.wait_state(message_id, state)
        [outcome] = told(with_sink, message_id)
        assert (outcome.state, outcome.revision) == (state, record.revision)
        assert Outcome.last_of(record) == outcome
    assert with_sink.record(delivered).tags == TAGS
    with_sink.wait_state(others, State.DELIVERED)
    assert told(with_sink, others) == []


def test_a_command_without_the_apps_file_tells_the_sink_as_well(with_sink: RelayProcess) -> None:
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    message_id = with_sink.send(a_recipient(), lane=Lane.NOTICE, app="shop", not_before=later)
    without_file = {**with_sink.environment, "SMSRELAY_APPS": ""}
    assert run_smsrelay(without_file, "cancel", message_id).stdout == "cancelled\n"
    [outcome] = told(with_sink, message_id)
    assert (outcome.state, outcome.attempt, outcome.rule) == (State.CANCELLED, 0, "by the app")


def test_a_late_delivery_is_told_after_the_failure_with_a_higher_revision(with_sink: RelayProcess) -> None:
    late = {"submits": [{"reports": [{"code": 504}, {"code": 200, "after": 1}]}]}
    _, message_id = with_sink.scripted(late, lane=Lane.NOTICE, app="shop")
    with_sink.wait_state(message_id, State.DELIVERED)
    failed, delivered = told(with_sink, message_id)
    assert (failed.state, delivered.state) == (State.FAILED, State.DELIVERED)
    assert failed.revision < delivered.revision == with_sink.record(message_id).revision
