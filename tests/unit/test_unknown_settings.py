from pathlib import Path

import pytest

from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.unknown_settings import unknown, unknown_settings

KNOWN = [name for name, _ in WorkerSettings.documented()]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("SMSRELAY_RAET", "SMSRELAY_RAET (SMSRELAY_RATE?)"),
        ("SMSRELAY_CALLBACKURL", "SMSRELAY_CALLBACKURL (SMSRELAY_CALLBACK_URL?)"),
        ("SMSRELAY_BROKER", "SMSRELAY_BROKER (SMSRELAY_BROKER_URL?)"),
        ("smsrelay_retention", "SMSRELAY_RETENTION (SMSRELAY_RETENTION_HOURS?)"),
        ("SMSRELAY_SOMETHING_ELSE", "SMSRELAY_SOMETHING_ELSE"),
    ],
)
def test_a_variable_that_no_setting_has_is_named_with_the_nearest(given: str, told: str) -> None:
    assert unknown([given, "PATH", "SMSRELAY"], KNOWN) == [told]


def test_settings_are_known_in_any_case() -> None:
    assert unknown([*KNOWN, *(name.lower() for name in KNOWN)], KNOWN) == []


def test_the_env_file_is_looked_at_and_what_is_empty_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SMSRELAY_FROM_FILE=4711\nSMSRELAY_EMPTY=\n", encoding="utf-8")
    monkeypatch.setenv("SMSRELAY_RATES", "4711")
    told = unknown_settings()
    assert set(told) >= {"SMSRELAY_FROM_FILE", "SMSRELAY_RATES (SMSRELAY_RATE?)"}
    assert not any("EMPTY" in one or "4711" in one for one in told)
