"""Settings that are missing or wrong, and secrets in files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.relay import Relay
from tests.support.pages import ROOT

_NAMED = ("REDIS_PASSWORD", "SMSRELAY_NUMBER_KEYS", "SMSRELAY_CALLBACK_KEYS", "SMSRELAY_FLOWER_AUTH")


@pytest.fixture
def changed(started: Relay) -> Iterator[Relay]:
    """The relay, whose settings are put back afterwards, and read by its containers before the next test that needs them."""
    before = dict(started.settings)
    yield started
    started.write(before)


def test_an_empty_example_fails_at_once_and_names_what_is_missing(changed: Relay) -> None:
    shutil.copy(ROOT / ".env.example", changed.folder / ".env")
    asked = changed.compose("up", "--detach", "--wait", check=False)
    assert asked.returncode != 0
    assert "required variable REDIS_PASSWORD is missing a value: set it in .env" in asked.stderr
    for name in _NAMED:
        changed.write({one: value for one, value in changed.settings.items() if one != name})
        assert f"required variable {name} is missing" in changed.compose("config", "--quiet", check=False).stderr
        changed.write(changed.settings | {name: "demo-demo-demo-again"})


def test_wrong_settings_end_up_and_restart_nothing(changed: Relay) -> None:
    changed.write(changed.settings | {"SMSRELAY_RATE": "fast"})
    asked = changed.compose("up", "--detach", "--wait", check=False)
    assert asked.returncode != 0
    assert "SMSRELAY_RATE" in changed.compose("logs", "--no-color", "settings").stdout
    assert not [part for part in ("worker", "receiver") if changed.inspect(part)["State"]["Restarting"]]


def test_a_console_without_a_password_ends_up_and_is_not_started(changed: Relay) -> None:
    changed.write({name: value for name, value in changed.settings.items() if name != "SMSRELAY_CONSOLE_AUTH"})
    asked = changed.compose("up", "--detach", "--wait", check=False)
    assert asked.returncode != 0
    assert "SMSRELAY_CONSOLE_AUTH" in changed.compose("logs", "--no-color", "console-settings").stdout
    assert not changed.inspect("console")["State"]["Restarting"]


def test_with_secrets_in_files_no_container_has_one_in_its_environment(changed: Relay) -> None:
    demo = changed.settings
    store_url = f"redis://:{demo['REDIS_PASSWORD']}@redis:6379/0"
    held = {
        "redis_password": demo["REDIS_PASSWORD"],
        "store_url": store_url,
        "number_keys": demo["SMSRELAY_NUMBER_KEYS"],
        "callback_keys": demo["SMSRELAY_CALLBACK_KEYS"],
        "appcode": demo["SMSRELAY_APPCODE"],
        "flower_auth": demo["SMSRELAY_FLOWER_AUTH"],
        "console_auth": demo["SMSRELAY_CONSOLE_AUTH"],
    }
    folder = changed.folder / "secrets"
    folder.mkdir()
    for name, value in held.items():
        _secret(folder / name, value, 999 if name == "redis_password" else 10001)
    files = f"{demo['COMPOSE_FILE']}:deploy/compose/secrets.yml"
    named = {"COMPOSE_FILE": files, "SECRETS": "./secrets", "SMSRELAY_APPCODE": "", "SMSRELAY_CONSOLE_AUTH": ""} | dict.fromkeys(
        _NAMED, "file"
    )
    changed.write(demo | named)
    changed.up("--remove-orphans")
    for part in ("redis", "receiver", "worker", "api", "console", "flower"):
        environment = "\n".join(changed.inspect(part)["Config"]["Env"])
        assert not [value for value in held.values() if value != "demo" and value in environment], part
    changed.until(changed.send("13900001701"), "delivered")


def _secret(path: Path, value: str, owner: int) -> None:
    path.write_text(f"{value}\n", "utf-8")
    path.chmod(0o400)
    shutil.chown(path, owner)
