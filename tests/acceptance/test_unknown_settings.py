"""A slip in a setting's name is told once by every process that starts with it; its value never."""

import json
from pathlib import Path

import pytest

from tests.support.relay_process import RelayProcess, run_smsrelay, running_relay
from tests.support.waiting import eventually

SLIP = {"SMSRELAY_RAET": "4711-4711"}
NAMED = "SMSRELAY_RAET (SMSRELAY_RATE?)"


def test_worker_and_receiver_tell_it_once_in_their_logs(tmp_path: Path) -> None:
    with running_relay(tmp_path / "relay", settings=SLIP) as relay:
        for part in ("worker", "receiver"):
            eventually(lambda part=part: _told(relay, part), f"the {part} tells it")
            assert _told(relay, part) == [[NAMED]]
            assert SLIP["SMSRELAY_RAET"] not in (relay.data / f"{part}.log").read_text("utf-8")


@pytest.mark.parametrize("command", [["status"], ["dead", "list"], ["policy"]])
def test_a_command_tells_it_on_standard_error(relay: RelayProcess, command: list[str]) -> None:
    ended = run_smsrelay({**relay.environment, **SLIP}, *command)
    assert (ended.returncode, ended.stderr) == (0, f"unknown settings are not read: {NAMED}\n")
    assert run_smsrelay(relay.environment, *command).stderr == ""


def _told(relay: RelayProcess, part: str) -> list[list[str]]:
    lines = (relay.data / f"{part}.log").read_text("utf-8").splitlines()
    return [json.loads(line)["names"] for line in lines if '"unknown settings are not read"' in line]
