"""Settings by file: a secret is read from the file that its variable names, and no problem shows a piece of it."""

import os
from pathlib import Path

import pytest

from smsrelay.receiver.settings import ReceiverSettings
from smsrelay.settings import BrokerSettings, ProducerSettings, SettingsError
from smsrelay_worker.settings import ApiSettings, ConsoleSettings, FlowerSettings, WorkerSettings
from smsrelay_worker.unknown_settings import unknown_settings

NUMBER, CALLBACK = "tops-ecre-tkey-0815", "calls-back-key-0815"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("SMSRELAY_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Named":
    return Named(monkeypatch, tmp_path)


class Named:
    """Variables that name files with what is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._folder = folder

    def __call__(self, **contents: str | bytes) -> None:
        for name, content in contents.items():
            path = self._folder / f"{name.lower()}.txt"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self._monkeypatch.setenv(f"SMSRELAY_{name}_FILE", str(path))


def refused(kind: type[BrokerSettings] = ProducerSettings) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        kind()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "0815" not in str(caught.value)
    return str(caught.value).splitlines()


def test_every_setting_that_holds_a_secret_can_be_given_by_file() -> None:
    secrets = {name.removeprefix("SMSRELAY_") for kind in (WorkerSettings, FlowerSettings) for name in kind.secrets()}
    assert secrets == {
        *("BROKER_URL", "STORE_URL", "NUMBER_KEYS", "CALLBACK_KEYS", "PAYLOAD_KEYS", "SECRET", "ONLY_TO"),
        *("TRACES", "VENDOR_PROXY", "APPCODE", "APP_KEY", "APP_SECRET", "FLOWER_AUTH", "CONSOLE_AUTH"),
        *("EXPORT_TO", "EXPORT_PASSWORD"),
    }


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_counts_without_its_last_line_end(named: Named, end: str) -> None:
    named(NUMBER_KEYS=f"{NUMBER},{CALLBACK}{end}", STORE_URL=f"redis://:pw@store:6379/3{end}")
    settings = ProducerSettings()
    assert settings.number_keys.all == (NUMBER.encode(), CALLBACK.encode())
    assert settings.store_url == "redis://:pw@store:6379/3"


@pytest.mark.parametrize("kind", [WorkerSettings, ReceiverSettings, ApiSettings, FlowerSettings, ConsoleSettings])
def test_every_process_reads_its_secrets_from_files(named: Named, kind: type[BrokerSettings]) -> None:
    named(
        NUMBER_KEYS=NUMBER,
        CALLBACK_KEYS=CALLBACK,
        APPCODE="an app code",
        FLOWER_AUTH="ops:a password",
        CONSOLE_AUTH="ops:another",
    )
    settings = kind()
    for name in {"number_keys", "callback_keys", "appcode", "flower_auth", "console_auth"} & set(kind.model_fields):
        assert getattr(settings, name) is not None, name


def test_the_single_secret_stands_in_for_both_lists_by_file_too(named: Named) -> None:
    named(SECRET=NUMBER, APPCODE="an app code")
    settings = WorkerSettings()
    assert settings.number_keys.newest == settings.callback_keys.newest == NUMBER.encode()


def test_a_value_and_a_file_at_once_are_refused_by_both_names(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    named(NUMBER_KEYS=NUMBER)
    monkeypatch.setenv("SMSRELAY_NUMBER_KEYS", "0815")
    assert refused() == ["SMSRELAY_NUMBER_KEYS: is set, and so is SMSRELAY_NUMBER_KEYS_FILE; set one of them"]
    monkeypatch.setenv("SMSRELAY_NUMBER_KEYS", "")
    assert ProducerSettings().number_keys.newest == NUMBER.encode(), "empty is as good as not set"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe0815", "is not UTF-8"), (b"0815" * 20_000, "has more than 64 KiB")],
)
def test_a_file_that_holds_no_value_is_named_by_its_variable(named: Named, content: bytes, reason: str) -> None:
    named(NUMBER_KEYS=content)
    assert refused() == [f"SMSRELAY_NUMBER_KEYS_FILE: the file {reason}"]


def test_files_that_cannot_be_read_are_named_with_all_other_problems(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    named(NUMBER_KEYS=NUMBER)
    monkeypatch.setenv("SMSRELAY_CALLBACK_KEYS_FILE", "/run/secrets/not-there-0815")
    monkeypatch.setenv("SMSRELAY_APPCODE_FILE", "/")
    monkeypatch.setenv("SMSRELAY_RATE", "fast")
    told = refused(WorkerSettings)
    assert "SMSRELAY_CALLBACK_KEYS_FILE: the file cannot be read: No such file or directory" in told
    assert "SMSRELAY_APPCODE_FILE: the file cannot be read: Is a directory" in told
    assert {line.split(":")[0] for line in told} >= {"SMSRELAY_RATE"}
    assert not any(line.startswith("SMSRELAY_CALLBACK_KEYS:") for line in told), "its file is the problem"


def test_what_is_wrong_with_a_value_from_a_file_is_told_of_its_setting(named: Named) -> None:
    named(NUMBER_KEYS="short-0815")
    assert refused() == ["SMSRELAY_NUMBER_KEYS: each key must have at least 16 characters"]


def test_the_env_file_may_name_files_and_is_overruled(named: Named, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(NUMBER, encoding="utf-8")
    (tmp_path / ".env").write_text(f"SMSRELAY_NUMBER_KEYS_FILE={tmp_path / 'key'}\n", encoding="utf-8")
    assert ProducerSettings().number_keys.newest == NUMBER.encode()
    monkeypatch.setenv("SMSRELAY_NUMBER_KEYS", CALLBACK)
    assert ProducerSettings().number_keys.newest == CALLBACK.encode()
    monkeypatch.delenv("SMSRELAY_NUMBER_KEYS")
    (tmp_path / ".env").write_text(f"SMSRELAY_NUMBER_KEYS={CALLBACK}\n", encoding="utf-8")
    named(NUMBER_KEYS=NUMBER)
    assert ProducerSettings().number_keys.newest == NUMBER.encode()


def test_an_argument_goes_before_a_file(named: Named) -> None:
    named(NUMBER_KEYS="")
    assert ProducerSettings(number_keys=NUMBER).number_keys.newest == NUMBER.encode()


def test_variables_that_name_files_are_known_settings(named: Named, monkeypatch: pytest.MonkeyPatch) -> None:
    named(NUMBER_KEYS=NUMBER, FLOWER_AUTH="ops:a password")
    assert unknown_settings() == []
    monkeypatch.setenv("SMSRELAY_POLICY_FILE", "/etc/policy.toml")
    assert unknown_settings() == ["SMSRELAY_POLICY_FILE"]
