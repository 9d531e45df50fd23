"""A reader's session: the commands and the code that README, guides and wire contract print are run as they stand.

Only ports, the desk's folder and the path of the command differ, for a test must not meet a stack that somebody runs.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from smsrelay.contract.message import referenced_id
from smsrelay.contract.state import State
from smsrelay.settings import PREFIX
from smsrelay.store.connection import StoreRedis
from tests.support.pages import ROOT, blocks, commands, text_of
from tests.support.relay_process import RelayProcess, clean_environment, running_relay
from tests.support.store_keys import KEYS
from tests.support.waiting import eventually

_INSTALLED = ".venv/bin/smsrelay"
_COLUMNS = "110"
_PYTEST = ".venv/bin/pytest"
_GUIDE = "docs/getting-started.md"
_CHINESE = "README.zh.md"


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    with running_relay(tmp_path_factory.mktemp("readme") / "relay") as running:
        yield running


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_python_of_a_readme_records_and_publishes_a_message(
    page: str, redis: StoreRedis, valkey_url: str, tmp_path: Path
) -> None:
    code = blocks(page, "python")[0]
    environment = {"BROKER_URL": valkey_url, "STORE_URL": valkey_url, "NUMBER_KEYS": "0123456789abcdef"}
    printed = _python(code, {f"SMSRELAY_{name}": value for name, value in environment.items()}, tmp_path)
    message_id = referenced_id("default", "login-4711")
    assert printed == f"{message_id} True\n"
    assert redis.hget(KEYS.message(message_id), "state") == State.QUEUED
    assert json.loads(redis.get(KEYS.payload(message_id)) or "")["to"] == "+8613912345678"
    [task] = redis.lrange("sms.otp", 0, -1)
    assert json.loads(task)["headers"]["task"] == "sms.attempt"


def test_the_python_without_our_library_is_on_both_pages_the_same() -> None:
    assert blocks("README.zh.md", "python")[1:] == blocks("docs/wire-contract.md", "python")


@pytest.mark.parametrize("command", [line for line in commands("docs/policy.md") if f"{_INSTALLED} policy" in line])
def test_a_command_that_needs_no_stack_prints_what_its_page_shows(command: str, tmp_path: Path) -> None:
    assert _shell(command, clean_environment(), tmp_path) in text_of("docs/policy.md")


def test_the_commands_at_a_desk_print_what_the_guide_shows(relay: RelayProcess, tmp_path: Path) -> None:
    _write_settings(relay, tmp_path)
    [desk] = [block for block in blocks(_GUIDE, "sh") if "smsrelay show" in block]
    settings, send, show, why, dead, status = re.split(rf"^(?={re.escape(_INSTALLED)})", desk, flags=re.MULTILINE)
    message_id = _shell(settings + send, clean_environment(), tmp_path).strip()
    assert message_id in show
    relay.wait_state(message_id, State.DELIVERED)
    told = _shell(settings + show, clean_environment(), tmp_path)
    printed = [_without_times(block) for block in blocks(_GUIDE, "text")]
    assert _without_times(told) in printed
    decisions = _without_times(_shell(settings + why, clean_environment(), tmp_path))
    assert any(block in decisions for block in printed if "rule status.503" in block)
    assert _shell(settings + dead, clean_environment(), tmp_path) == "no dead letters\n"

    def shown() -> str:
        return _shell(settings + status, clean_environment(), tmp_path)

    eventually(lambda: shown().startswith("submitting\n"), "workers have told that they consume")


def test_the_chinese_page_runs_the_same_commands_at_a_desk() -> None:
    desk = [[block for block in blocks(page, "sh") if "smsrelay show" in block] for page in (_GUIDE, _CHINESE)]
    assert desk[0] == desk[1]


def test_the_operators_commands_of_the_chinese_page_do_what_it_says(relay: RelayProcess, tmp_path: Path) -> None:
    _write_settings(relay, tmp_path)
    settings = "set -a; . .smsrelay/env; set +a\n"
    [daily] = [block for block in blocks(_CHINESE, "sh") if "smsrelay resume" in block]
    shown = _shell(settings + daily, clean_environment(), tmp_path)
    assert shown.startswith("submitting\n")
    assert any(block in shown for block in blocks("docs/policy.md", "text"))
    [check] = [block for block in blocks(_CHINESE, "sh") if "smsrelay doctor" in block]
    assert _shell(settings + check.replace("\n", " || test $? -le 2\n"), clean_environment(), tmp_path)
    [cancel] = [block for block in blocks(_CHINESE, "sh") if "smsrelay cancel" in block]
    message_id, cancelled = _shell(settings + cancel, clean_environment(), tmp_path).splitlines()
    assert message_id in cancel
    assert cancelled == "cancelled"


@pytest.mark.parametrize("page", [_GUIDE, _CHINESE])
def test_a_campaign_that_a_page_shows_is_accepted_once(page: str, redis: StoreRedis, valkey_url: str, tmp_path: Path) -> None:
    [campaign] = [block for block in blocks(page, "sh") if "smsrelay bulk" in block]
    given = {"BROKER_URL": valkey_url, "STORE_URL": valkey_url, "NUMBER_KEYS": "0123456789abcdef"}
    environment = clean_environment() | {f"SMSRELAY_{name}": value for name, value in given.items()}
    said, shown = _shell(campaign, environment, tmp_path), blocks(_GUIDE, "text")
    assert said in shown or (page == _CHINESE and said.splitlines()[0] in {block.splitlines()[0] for block in shown})
    assert _shell(campaign, environment, tmp_path).startswith("2 rows: 0 accepted, 2 accepted before, 0 refused\n")
    assert redis.zcard(KEYS.agenda) == 2


@pytest.mark.parametrize("command", [line for line in commands("CONTRIBUTING.md") if line.startswith(_PYTEST)])
def test_the_single_test_that_contributing_names_passes(command: str) -> None:
    arguments = shlex.split(command.removeprefix(_PYTEST))
    _ended([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], clean_environment(), ROOT)


def test_a_job_written_by_hand_as_the_contract_shows_is_delivered(relay: RelayProcess) -> None:
    [envelope] = [block for block in blocks("docs/wire-contract.md", "json") if '"body"' in block]
    relay.redis.lpush("sms.otp", envelope)
    _delivered(relay, referenced_id("shop", "login-4711"))


def test_the_plain_celery_client_of_the_contract_gets_its_sms_delivered(relay: RelayProcess, tmp_path: Path) -> None:
    [code] = blocks("docs/wire-contract.md", "python")
    _python(code.replace("login-4711", "login-4712"), relay.environment, tmp_path)
    _delivered(relay, referenced_id("shop", "login-4712"))


def _write_settings(relay: RelayProcess, folder: Path) -> None:
    """The settings of a running relay, as ``smsrelay up`` writes them for other terminals."""
    (folder / ".smsrelay").mkdir()
    named = {name: value for name, value in relay.environment.items() if name.startswith(PREFIX)}
    named.pop("SMSRELAY_POLICY", None)  # shortened for tests; the guide shows the packaged one
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in named.items()]
    (folder / ".smsrelay" / "env").write_text("".join(lines), encoding="utf-8")


def _delivered(relay: RelayProcess, message_id: str) -> None:
    eventually(lambda: relay.relay.records.read(message_id), "the job is recorded")
    relay.wait_state(message_id, State.DELIVERED)


def _python(code: str, environment: Mapping[str, str], folder: Path) -> str:
    return _ended([sys.executable, "-c", code], clean_environment() | dict(environment), folder)


def _shell(script: str, environment: Mapping[str, str], folder: Path) -> str:
    installed = Path(sys.executable).with_name("smsrelay")
    return _ended(["/bin/sh", "-euc", script.replace(_INSTALLED, str(installed))], environment, folder)


def _ended(command: list[str], environment: Mapping[str, str], folder: Path) -> str:
    """What a command prints; it has to end well."""
    ended = subprocess.run(
        command,
        cwd=folder,
        env={**environment, "COLUMNS": _COLUMNS, "NO_COLOR": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _without_times(told: str) -> str:
    lines = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "(time)", told).splitlines()
    return "\n".join(line.rstrip() for line in lines)
