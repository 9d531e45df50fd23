"""docker-compose.yml and the example settings as files; tests/containers runs them on an engine."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from smsrelay.settings import SettingsError
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.settings import WorkerSettings
from tests.support.pages import ROOT

COMPOSE = ROOT / "docker-compose.yml"
OVERRIDES = sorted((ROOT / "deploy/compose").glob("*.yml"))
DEMO, EXAMPLE = ROOT / ".env.demo.example", ROOT / ".env.example"
FILLED = {
    "REDIS_PASSWORD": "0123456789abcdef",
    "SMSRELAY_APPCODE": "vendor-key",
    "SMSRELAY_NUMBER_KEYS": "0123456789abcdef",
    "SMSRELAY_CALLBACK_KEYS": "fedcba9876543210",
    "SMSRELAY_CALLBACK_URL": "https://sms.example.com",
    "SMSRELAY_FLOWER_AUTH": "ops:password",
}
SECRET = re.compile(r"SECRET|APPCODE|APP_KEY|_KEYS|AUTH|PASSWORD|TOKEN")
REFERENCE = re.compile(r"\$\{(?:REDIS|GRAFANA)_PASSWORD:-\}")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WorkerSettings.documented():
        monkeypatch.delenv(name[0], raising=False)


@pytest.fixture
def filled_in(tmp_path: Path) -> Path:
    """.env as a person makes it from .env.example."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for name, value in FILLED.items():
        assert text.count(f"\n{name}=\n") == 1, name
        text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    path = tmp_path / ".env"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("file", [COMPOSE, *OVERRIDES], ids=lambda file: file.name)
def test_the_file_fits_the_compose_specification(file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_worker_gets_more_time_to_stop_than_it_ever_takes(tmp_path: Path) -> None:
    (worker,) = (part for part in LocalRelay(tmp_path, Ports()).parts({}) if part.name == "worker")
    allowed = WorkerSettings(number_keys="n" * 16, callback_keys="c" * 16, appcode="code").stop_within
    grace = float(services()["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > worker.stop_within > allowed


def test_no_secret_stands_in_the_files() -> None:
    environments = [spec.get("environment", {}) for spec in services().values()]
    named = {value for each in environments for name, value in each.items() if SECRET.search(name)}
    assert {REFERENCE.sub("", value) for value in named} == {""}
    for file in (COMPOSE, *OVERRIDES, ROOT / "Dockerfile"):
        text = re.sub(r"^#.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert not re.search(r"://[^/\s]*:[^/\s$]+@", REFERENCE.sub("", text))


def test_everything_is_published_on_this_host_alone_but_the_proxy_that_ends_tls() -> None:
    published = {name: spec["ports"] for name, spec in services().items() if "ports" in spec}
    assert published.pop("proxy") != []
    assert published.keys() >= {"receiver", "api", "flower", "console"}
    assert [port for ports in published.values() for port in ports if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("owner", ["flower", "console"])
def test_no_part_is_given_the_password_of_a_page_that_it_does_not_serve(owner: str) -> None:
    variable, checks = f"SMSRELAY_{owner.upper()}_AUTH", {"settings", "console-settings"}
    readers = {name for name, spec in services().items() if ".env" in spec.get("env_file", ())} - checks
    assert {name for name in readers if services()[name]["environment"].get(variable) != ""} == {owner}


def test_sentinels_and_secrets_in_files_are_for_every_part_that_has_a_store() -> None:
    parts = {name for name, spec in services().items() if "SMSRELAY_STORE_URL" in spec.get("environment", {})}
    for file in OVERRIDES:
        assert parts <= yaml.safe_load(file.read_text(encoding="utf-8"))["services"].keys(), file.name


def test_the_build_is_sent_no_env_file() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert not [line for line in lines if line.startswith("!.")]
    assert not {"!tests", "!docs", "!deploy"} & set(lines)


def test_the_example_names_every_setting_and_leaves_the_required_ones_empty(filled_in: Path) -> None:
    lines = re.findall(r"^(?:# )?(SMSRELAY_\w+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(lines) == sorted(name for name, _ in WorkerSettings.documented())
    with pytest.raises(SettingsError, match="SMSRELAY_NUMBER_KEYS"):
        WorkerSettings(_env_file=EXAMPLE)
    assert WorkerSettings(_env_file=filled_in).callback_url == FILLED["SMSRELAY_CALLBACK_URL"]


def test_the_example_names_every_variable_of_the_files() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in (COMPOSE, *OVERRIDES))
    named = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    listed = set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert named - listed == set()


def test_in_the_demo_nothing_goes_to_the_real_vendor() -> None:
    settings = WorkerSettings(_env_file=DEMO)
    assert {settings.vendor_url, settings.vendor_intl_url} == {"http://simulator:9100"}
    assert settings.callback_url == "http://receiver:8025"


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"])
