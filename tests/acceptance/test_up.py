"""``smsrelay up`` and ``smsrelay demo`` as a person runs them: everything starts, and nothing is left behind."""

import json
import os
import secrets
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from dotenv import dotenv_values

from smsrelay.broker.queues import QUEUES
from smsrelay_worker.local.stack import free_port
from tests.support.console_process import Visitor
from tests.support.processes import pids, processes_of
from tests.support.relay_process import ROOT, SMSRELAY, a_recipient, clean_environment, run_smsrelay
from tests.support.simulator_process import running_simulator
from tests.support.waiting import eventually

_UP = 90.0  # seconds; five processes start
_LAST_LINE = "logs "
PARTS = ("broker", "receiver", "flower", "simulator")


@dataclass(frozen=True, slots=True)
class Up:
    """A running ``smsrelay up``."""

    process: subprocess.Popen[bytes]
    desk: Path
    ports: Mapping[str, int]

    @property
    def environment(self) -> dict[str, str]:
        """What a second terminal has to set: the broker that `up` started, and its keys."""
        url = f"redis://127.0.0.1:{self.ports['broker']}/0"
        keys = {
            f"{purpose.upper()}_KEYS": (self.desk / f"{purpose}-key").read_text("ascii") for purpose in ("number", "callback")
        }
        named = {"BROKER_URL": url, "STORE_URL": url, "APPCODE": "simulator"} | keys
        return clean_environment() | {f"SMSRELAY_{name}": value for name, value in named.items()}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """On free ports, in a session of its own."""
    desk, ports = tmp_path / "desk", {part: free_port() for part in PARTS}
    with _started(ROOT, "--data", str(desk), *_ports(ports)) as process:
        yield Up(process, desk, ports)


def test_up_prints_its_urls_sends_and_stops_cleanly_at_ctrl_c(up: Up) -> None:
    told = _told(up.process)
    urls = {line.split()[0]: line.split()[1] for line in told.splitlines() if "http://" in line}
    assert set(urls) == {"simulator", "receiver", "Flower"}
    _answer(f"{urls['receiver']}/readyz", 200)
    _answer(urls["simulator"], 200)
    _answer(urls["Flower"], 401)
    _delivered(up.environment)
    assert len(processes_of(up.desk)) == 12  # up, supervisord and its five parts, one of which has a process for each queue
    assert all(pids(up.desk, f"[{queue}]") for queue in QUEUES)

    os.killpg(up.process.pid, signal.SIGINT)
    rest, _ = up.process.communicate(timeout=120)
    assert up.process.returncode == 0, rest.decode()
    assert b"Traceback" not in rest
    assert processes_of(up.desk) == {}


def test_up_starts_the_api_and_the_console_if_they_are_asked_for(tmp_path: Path) -> None:
    desk, ports = tmp_path / "desk", {part: free_port() for part in (*PARTS, "api", "console")}
    with _started(ROOT, "--api", "--console", "--data", str(desk), *_ports(ports)) as process:
        told = _told(process)
        urls = {line.split()[0]: line.split()[1] for line in told.splitlines() if "http://" in line}
        assert set(urls) == {"simulator", "receiver", "Flower", "API", "console"}
        _answer(f"{urls['API']}/readyz", 200)
        _answer(f"{urls['API']}/v1/status", 401)
        visitor = Visitor(urls["console"])
        assert visitor.sign_in("admin", (desk / "console-password").read_text("ascii")).status_code == 303
        assert "admin" in visitor.get("/").text
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0, rest.decode()
    assert processes_of(desk) == {}


def test_when_up_is_killed_its_parts_still_stop_in_order(up: Up) -> None:
    """Killed by SIGKILL it cannot stop them itself, and the kill does not reach them: they are in another session."""
    _told(up.process)
    _delivered(up.environment)
    up.process.kill()
    eventually(lambda: processes_of(up.desk) == {}, "every part has ended", 60)
    log = (up.desk / "supervisor.log").read_text("utf-8")
    stopped = [line.split("stopped: ")[1].split()[0] for line in log.splitlines() if "stopped: " in line]
    assert stopped.index("worker") < stopped.index("broker")
    assert "stopped: worker (exit status 0)" in log


def test_up_without_the_simulator_submits_to_the_vendor_that_the_env_file_names(tmp_path: Path) -> None:
    ports, code = {part: free_port() for part in PARTS}, "the-one-appcode"
    settings = {
        "APPCODE": code,
        "NUMBER_KEYS": secrets.token_hex(16),
        "CALLBACK_KEYS": secrets.token_hex(16),
        "FLOWER_AUTH": "somebody:her-password",
    }
    with running_simulator(appcode=code, report_delay=0.05) as vendor:
        settings |= {"VENDOR_URL": vendor.url, "VENDOR_INTL_URL": vendor.url}
        (tmp_path / ".env").write_text("".join(f"SMSRELAY_{name}={value}\n" for name, value in settings.items()))
        with _started(tmp_path, "--no-simulator", *_ports(ports)) as process:
            told = _told(process)
            _delivered(clean_environment() | dotenv_values(tmp_path / ".smsrelay" / "env"))
            pages = f"http://127.0.0.1:{ports['flower']}"
            _answer(pages, 401)
            _answer(pages, 200, ("somebody", "her-password"))
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=120)
        assert len(vendor.submits()) == 1
    assert process.returncode == 0, rest.decode()
    assert "simulator" not in told
    assert "user and password as in SMSRELAY_FLOWER_AUTH" in told
    assert processes_of(tmp_path) == {}


def test_demo_ends_with_0_and_leaves_nothing_nor_touches_what_an_env_file_names(tmp_path: Path) -> None:
    """An .env file for real work: its spool holds real reports, its rate and templates are not the demo's. On 80 columns."""
    folder, temporary, spool = tmp_path / "folder", tmp_path / "tmp", tmp_path / "spool"
    for made in (folder, temporary, spool):
        made.mkdir()
    (folder / ".env").write_text(f"SMSRELAY_SPOOL={spool}\nSMSRELAY_RATE=0.01\nSMSRELAY_TEMPLATES=/nowhere.toml\n")
    environment = clean_environment() | {"TMPDIR": str(temporary), "COLUMNS": "80"}
    command = [str(SMSRELAY), "demo"]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "every row is as expected" in ended.stdout
    assert processes_of(temporary) == {}
    assert [list(made.iterdir()) for made in (temporary, spool)] == [[], []]
    table = ended.stdout.partition("what happened")[2]
    assert "…" not in table  # nothing is cut off
    assert "已送达手机" in table
    assert "http_429" in table
    told = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"')]
    assert [event["type"] for event in told] == ["message.delivered", "message.failed"]
    assert "by webhook, signature verified: 6 outcomes" in ended.stdout
    assert "by Celery, in its queue shop.sms: 3 outcomes" in ended.stdout


@contextmanager
def _started(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command, both = [str(SMSRELAY), "up", *options], {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, env=clean_environment(), start_new_session=True, **both) as process:
        yield process
        process.terminate()


def _ports(ports: Mapping[str, int]) -> list[str]:
    return [f"--{part}-port={port}" for part, port in ports.items()]


def _told(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    text, until = "", time.monotonic() + _UP
    while _LAST_LINE not in text:
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
        part = os.read(process.stdout.fileno(), 4096) if readable else b""
        assert part, f"up said only: {text}"
        text += part.decode()
    return text


def _answer(url: str, status: int, auth: tuple[str, str] | None = None) -> None:
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(url, timeout=10, auth=auth).status_code == status


def _delivered(environment: dict[str, str]) -> None:
    sent = run_smsrelay(environment, "send", "--to", a_recipient(), "--template", "0000000", "--param", "1", "--lane", "otp")
    assert sent.returncode == 0, sent.stderr
    message_id = sent.stdout.strip()
    eventually(lambda: "state     delivered" in run_smsrelay(environment, "show", message_id).stdout, "it is delivered")
