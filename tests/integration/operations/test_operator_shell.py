"""What a person's commands need of the environment: the store, and no secret of the vendor's or of ours."""

import contextlib
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from smsrelay.store.connection import StoreRedis
from smsrelay.store.records import Records
from smsrelay_worker.vendors.base import Answer, Kind
from tests.support.forked_command import run_command
from tests.support.messages import NUMBER_KEY, RETENTION, answer, begin, enqueuer, job
from tests.support.shell import Shell

BROKEN = {"SMSRELAY_CONCURRENCY": "none", "SMSRELAY_VENDOR_URL": "nowhere", "SMSRELAY_NUMBER_KEYS": "short"}


def run(url: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "SMSRELAY_STORE_URL": url, **settings}
    return run_command(arguments, environment)


@pytest.fixture
def failed(redis: StoreRedis, valkey_url: str) -> str:
    """A message that the vendor refused."""
    store, message_id = Records(redis, RETENTION), enqueuer(redis, valkey_url).enqueue(job()).message_id
    begin(store, message_id)
    answer(store, message_id, 1, Answer(Kind.ANSWERED, "i005"))
    return message_id


@pytest.mark.parametrize(
    "command",
    ["status", "status --json", "rate", "rate 50", "resume", "show ID", "why ID", "dead list", "dead show ID"],
)
def test_a_command_needs_only_the_store_even_where_other_settings_are_wrong(failed: str, valkey_url: str, command: str) -> None:
    said = run(valkey_url, *command.replace("ID", failed).split(), **BROKEN)
    assert said.returncode == 0, said.stderr


def test_cancel_needs_only_the_store(redis: StoreRedis, valkey_url: str) -> None:
    message_id = enqueuer(redis, valkey_url).enqueue(job()).message_id
    assert run(valkey_url, "cancel", message_id).stdout == "cancelled\n"


def test_metrics_needs_only_the_store(valkey_url: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "SMSRELAY_STORE_URL": valkey_url}
    command = [sys.executable, "-m", "smsrelay_worker", "metrics", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        assert serving.stdout.readline().startswith("http://127.0.0.1:")
        serving.terminate()


def test_a_replay_needs_what_an_app_needs_and_no_key_of_the_vendor(failed: str, valkey_url: str) -> None:
    said = run(valkey_url, "dead", "replay", failed, SMSRELAY_BROKER_URL=valkey_url, SMSRELAY_NUMBER_KEYS=NUMBER_KEY)
    assert (said.returncode, said.stdout) == (0, f"{failed}  queued\n"), said.stderr
    assert "SMSRELAY_NUMBER_KEYS" in run(valkey_url, "dead", "replay", failed).stderr


def test_a_silent_store_is_given_up_after_one_try() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # connections wait in its queue, and nobody ever answers
        said = run(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "status")
        assert (said.returncode, said.stdout) == (3, ""), said.stderr
        assert "did not answer" in said.stderr
        silent.settimeout(0)
        tries = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                tries += 1
    assert tries == 1


@pytest.mark.parametrize("command", ["receiver", "flower", "metrics"])
def test_a_port_in_use_is_reported_in_one_sentence(tmp_path: Path, valkey_url: str, command: str) -> None:
    named = {
        "STORE_URL": valkey_url,
        "BROKER_URL": valkey_url,
        "NUMBER_KEYS": "0123456789abcdef",
        "CALLBACK_KEYS": "fedcba9876543210",
        "FLOWER_AUTH": "me:a password",
    }
    shell = Shell(tmp_path, {f"SMSRELAY_{name}": value for name, value in named.items()})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = shell.run(command, "--port", str(port))
    assert (said.code, said.errors.count("\n")) == (69, 1)
    assert said.errors.startswith(f"Error: cannot listen at 127.0.0.1, port {port}: Address already in use")
