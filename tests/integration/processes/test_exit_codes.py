"""How processes end that cannot start: by a code that says whether a restart can help."""

import socket
from pathlib import Path

import pytest

from tests.support.shell import Shell

WRONG, TAKEN = 78, 69
PROCESSES = ("worker", "receiver", "api", "console", "flower")
KEYS = {
    "SMSRELAY_NUMBER_KEYS": "a number key of the tests",
    "SMSRELAY_CALLBACK_KEYS": "a callback key of the tests",
    "SMSRELAY_APPCODE": "simulator",
    "SMSRELAY_FLOWER_AUTH": "ops:a long password",
    "SMSRELAY_CONSOLE_AUTH": "ops:a long password",
}


@pytest.fixture
def shell(tmp_path: Path, closed_port: int) -> Shell:
    nobody = f"redis://127.0.0.1:{closed_port}/0"
    return Shell(tmp_path, {"SMSRELAY_BROKER_URL": nobody, "SMSRELAY_STORE_URL": nobody})


@pytest.mark.parametrize("process", PROCESSES)
def test_without_its_settings_no_process_starts(shell: Shell, process: str) -> None:
    for command in ([process], ["settings", "--as", process]):
        ended = shell.run(*command)
        assert (ended.code, ended.output) == (WRONG, "")
        assert "SMSRELAY_" in ended.errors


@pytest.mark.parametrize("process", PROCESSES)
def test_an_env_file_that_cannot_be_read_is_a_wrong_setting(shell: Shell, tmp_path: Path, process: str) -> None:
    (tmp_path / ".env").write_bytes(b"\xff")
    assert shell.run(process).code == WRONG


@pytest.mark.parametrize("variable", ["SMSRELAY_POLICY", "SMSRELAY_LIMITS", "SMSRELAY_APPS", "SMSRELAY_TEMPLATES"])
@pytest.mark.parametrize("there", [True, False], ids=["wrong", "missing"])
def test_a_file_that_the_settings_name_counts_as_one_of_them(shell: Shell, tmp_path: Path, variable: str, there: bool) -> None:
    if there:
        (tmp_path / "file.toml").write_text("[[", encoding="utf-8")
    for name, value in (KEYS | {variable: str(tmp_path / "file.toml")}).items():
        shell.set(name, value)
    assert shell.run("settings", "--as", "worker").code == WRONG
    expected = 0 if variable == "SMSRELAY_LIMITS" else WRONG  # which the API does not read
    assert shell.run("settings", "--as", "api").code == expected


def test_right_settings_are_right_without_any_server(shell: Shell) -> None:
    for name, value in KEYS.items():
        shell.set(name, value)
    for role in (*PROCESSES, "app", "operator"):
        ended = shell.run("settings", "--as", role)
        assert (ended.code, ended.output) == (0, f"valid, asked as {role}\n"), ended.errors


@pytest.mark.parametrize("process", ["receiver", "api", "console", "flower"])
def test_a_taken_port_is_no_wrong_setting(shell: Shell, process: str) -> None:
    for name, value in KEYS.items():
        shell.set(name, value)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert shell.run(process, "--port", str(taken.getsockname()[1])).code == TAKEN


def test_a_wrong_command_line_is_no_wrong_setting(shell: Shell) -> None:
    assert shell.run("receiver", "--prot", "8025").code == 2
