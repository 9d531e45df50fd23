"""docker-compose.yml: what the file promises, and each service's own command, environment and healthcheck as local processes."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from redis import Redis

from smsrelay.contract.key_ring import KeyRing
from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import PREFIX, ProducerSettings, SettingsError
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.settings import WorkerSettings
from tests.support.compose_file import COMPOSE, ROOT, raw, services
from tests.support.compose_image import IMAGE, sent, stages
from tests.support.compose_local import Local, Place, running
from tests.support.simulator_client import Simulator
from tests.support.waiting import eventually

OURS = ("worker", "receiver", "api", "flower", "simulator")
DEMO, EXAMPLE = ROOT / ".env.demo.example", ROOT / ".env.example"
FILLED = {
    "SMSRELAY_APPCODE": "vendor-key",
    "SMSRELAY_NUMBER_KEYS": "0123456789abcdef",
    "SMSRELAY_CALLBACK_KEYS": "fedcba9876543210",
    "SMSRELAY_CALLBACK_URL": "https://sms.example.com",
    "SMSRELAY_FLOWER_AUTH": "ops:password",
}
SECRET = re.compile(r"SECRET|APPCODE|APP_KEY|_KEYS|AUTH|PASSWORD|TOKEN")
RECIPIENT = "+8613900001234"
ENDED_AS_TOLD = {0, -15}  # by itself, or, having tidied up, by the SIGTERM it was sent: Docker shows 143


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Where the demo's first command was given: its env file is the .env."""
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(DEMO, folder / ".env")
    return Place.found(folder, services(folder / ".env"))


@pytest.fixture(scope="module")
def up(place: Place) -> Iterator[dict[str, Local]]:
    with running(services(place.folder / ".env"), place) as started:
        yield started


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
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


def test_the_file_fits_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_services_are_those_of_the_path_and_the_simulator_runs_in_the_demo_only() -> None:
    specs = raw()["services"]
    assert set(specs) == {"redis", *OURS}
    assert {name: spec["profiles"] for name, spec in specs.items() if "profiles" in spec} == {"simulator": ["demo"]}


@pytest.mark.parametrize("name", ["redis", *OURS])
def test_each_service_is_watched_restarted_stopped_with_grace_and_held_small(name: str) -> None:
    service = services(DEMO)[name]
    assert service.healthcheck
    assert service.grace >= 10
    assert service.spec["restart"] == "unless-stopped"
    assert service.spec["stop_signal"] == "SIGTERM"
    assert service.spec["read_only"]
    assert service.spec["cap_drop"] == ["ALL"]
    assert service.spec["security_opt"] == ["no-new-privileges:true"]
    assert name == "redis" or (service.spec["init"] and service.is_ours)


def test_parts_wait_until_what_they_need_is_healthy() -> None:
    needs = {name: spec.get("depends_on", {}) for name, spec in raw()["services"].items()}
    assert all(need == {"condition": "service_healthy"} for each in needs.values() for need in each.values())
    assert {name: set(each) for name, each in needs.items() if each} == {
        "receiver": {"redis"},
        "worker": {"redis", "receiver"},
        "api": {"redis"},
        "flower": {"redis"},
    }


def test_a_worker_gets_more_time_to_stop_than_it_ever_takes(tmp_path: Path) -> None:
    (worker,) = (part for part in LocalRelay(tmp_path, Ports()).parts({}) if part.name == "worker")
    allowed = WorkerSettings(number_keys="n" * 16, callback_keys="c" * 16, appcode="code").stop_within
    assert services(DEMO)["worker"].grace > worker.stop_within > allowed


def test_no_service_can_be_reached_from_elsewhere() -> None:
    named = services(DEMO)
    published = {name: service.spec["ports"] for name, service in named.items() if "ports" in service.spec}
    assert published == {"receiver": ["127.0.0.1:8025:8025"], "api": ["127.0.0.1:8080:8080"], "flower": ["127.0.0.1:5555:5555"]}
    assert named["redis"].spec["networks"] == ["store"]
    assert raw()["networks"]["store"] == {"internal": True}
    listening = [service.command for name, service in named.items() if name not in {"redis", "worker"}]
    assert all(command[command.index("--host") + 1] == "0.0.0.0" for command in listening)


def test_no_secret_stands_in_the_file_or_in_the_image() -> None:
    environments = [spec.get("environment", {}) for spec in raw()["services"].values()]
    assert {value for each in environments for name, value in each.items() if SECRET.search(name)} == {""}
    files = COMPOSE.read_text(encoding="utf-8") + (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"://[^/\s]*:[^/\s]*@", files)
    for stage in stages().values():
        assert not [name for name in stage.environment if SECRET.search(name)]
        assert not stage.arguments("ARG")


def test_a_part_gets_only_the_keys_it_uses(filled_in: Path) -> None:
    named = services(filled_in)
    held = {name: {key for key in FILLED if named[name].environment.get(key) and SECRET.search(key)} for name in ("redis", *OURS)}
    assert held == {
        "redis": set(),
        "simulator": set(),
        "receiver": {"SMSRELAY_CALLBACK_KEYS"},
        "worker": {"SMSRELAY_NUMBER_KEYS", "SMSRELAY_CALLBACK_KEYS", "SMSRELAY_APPCODE"},
        "api": {"SMSRELAY_NUMBER_KEYS"},
        "flower": {"SMSRELAY_FLOWER_AUTH"},
    }


def test_the_env_file_of_an_earlier_version_still_serves_every_part(filled_in: Path, own_environment: None) -> None:
    lines = [line for line in filled_in.read_text("utf-8").splitlines() if "_KEYS=" not in line]
    filled_in.write_text("\n".join([*lines, "SMSRELAY_SECRET=an old one of 1 key", ""]), "utf-8")
    named = services(filled_in)
    secret = KeyRing(b"an old one of 1 key")
    assert ReceiverSettings(_env_file=None, **_fields(named["receiver"].environment)).callback_keys == secret
    assert ProducerSettings(_env_file=None, **_fields(named["api"].environment)).number_keys == secret
    worker = WorkerSettings(_env_file=None, **_fields(named["worker"].environment))
    assert worker.number_keys == worker.callback_keys == secret
    assert not named["flower"].environment.get("SMSRELAY_SECRET")


def _fields(environment: Mapping[str, str]) -> dict[str, Any]:
    return {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX) and value}


def test_the_image_runs_as_nobody_special_and_holds_no_tests() -> None:
    by_name = stages()
    assert list(by_name)[-1] == IMAGE
    assert by_name[IMAGE].user == "10001:10001"
    assert not [path for stage in by_name.values() for path in stage.copied if path.startswith("tests")]


def test_every_service_of_ours_runs_the_same_image() -> None:
    specs = raw()["services"]
    assert {(specs[name]["image"], specs[name]["build"]) for name in OURS} == {("smsrelay", ".")}


def test_the_build_is_sent_all_it_copies_and_no_env_file() -> None:
    for path in {path for stage in stages().values() for path in stage.copied}:
        assert (ROOT / path).exists(), path
        assert sent(path), path
    packages = [file.relative_to(ROOT) for name in ("producers", "worker") for file in (ROOT / name).rglob("*.*")]
    assert all(sent(str(file)) for file in packages if "__pycache__" not in file.parts)
    kept_back = (".env", ".env.demo.example", ".git/config", ".smsrelay/number-key", "worker/__pycache__/app.pyc")
    assert not [path for path in (*kept_back, "tests/unit/policy/test_model.py", "docs/security.md") if sent(path)]


def test_the_example_names_every_setting_and_leaves_the_required_ones_empty(own_environment: None, filled_in: Path) -> None:
    lines = re.findall(r"^(?:# )?(SMSRELAY_\w+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(lines) == sorted(name for name, _ in WorkerSettings.documented())
    with pytest.raises(SettingsError, match="SMSRELAY_NUMBER_KEYS"):
        WorkerSettings(_env_file=EXAMPLE)
    assert WorkerSettings(_env_file=filled_in).callback_url == FILLED["SMSRELAY_CALLBACK_URL"]


def test_in_the_demo_nothing_goes_to_the_real_vendor(own_environment: None) -> None:
    settings = WorkerSettings(_env_file=DEMO)
    assert {settings.vendor_url, settings.vendor_intl_url} == {"http://simulator:9100"}
    assert settings.callback_url == "http://receiver:8025"


def documented(command: str) -> list[str]:
    """A command of the file's opening comment."""
    found = re.search(rf"docker compose exec worker (smsrelay {command} .*)", COMPOSE.read_text(encoding="utf-8"))
    assert found is not None
    return found[1].split()


def test_a_message_sent_as_the_file_says_is_delivered_through_the_services(up: dict[str, Local], place: Place) -> None:
    worker = up["worker"]
    sent = worker.run(*documented("send"))
    assert sent.returncode == 0, sent.stderr
    show = [sent.stdout.strip() if word == "ID" else word for word in documented("show")]
    eventually(lambda: json.loads(worker.run(*show, "--json").stdout)["state"] == "delivered")
    assert "delivered" in worker.run(*show).stdout
    with Simulator(place.url(9100)) as simulator:
        assert [submit.outcome for submit in simulator.submits(RECIPIENT)] == ["accepted"]
        eventually(lambda: [callback.http for callback in simulator.callbacks(RECIPIENT)] == [200])


def test_flower_asks_for_its_password(up: dict[str, Local], place: Place, http: requests.Session) -> None:
    user, password = up["flower"].environment["SMSRELAY_FLOWER_AUTH"].split(":")
    for path in ("/", "/workers", "/tasks", "/api/workers"):
        url = place.url(5555) + path
        assert http.get(url, timeout=10).status_code == 401
        assert http.get(url, timeout=10, auth=(user, "wrong")).status_code == 401
        assert http.get(url, timeout=10, auth=(user, password)).status_code == 200


def test_the_store_logs_every_write_to_its_volume_and_never_evicts(up: dict[str, Local], place: Place) -> None:
    with Redis(port=place.ports[6379], decode_responses=True) as redis:
        told = redis.config_get("append*", "maxmemory-policy", "save")
    assert (told["appendonly"], told["appendfsync"], told["maxmemory-policy"], told["save"]) == (
        "yes",
        "always",
        "noeviction",
        "",
    )
    assert list(up["redis"].volume("/data").glob("appendonlydir/*.aof"))


def test_no_service_writes_into_its_image(up: dict[str, Local]) -> None:
    assert [path for local in up.values() for path in local.workdir.iterdir()] == []


def test_each_service_ends_within_its_grace_period_and_its_healthcheck_says_so(tmp_path: Path) -> None:
    named = services(DEMO)
    with running(named, Place.found(tmp_path, named)) as started:
        for local in reversed(started.values()):
            assert local.stop() in ENDED_AS_TOLD, local.log()
            assert not local.healthy()
