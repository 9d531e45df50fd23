"""What workers report of their settings, and where they differ."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from smsrelay.contract.key_ring import KeyRing
from smsrelay_worker.limits.toml_file import packaged_source
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.traffic.workers import HERE, examine_workers
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.shared_settings import shared_settings
from smsrelay_worker.store.shared_settings import SharedSettings, differences
from smsrelay_worker.store.worker_registry import WorkerProcess

GIVEN = SharedSettings(
    "0.1.0",
    100.0,
    "submits",
    300.0,
    72.0,
    "0011aabb",
    "none",
    "none",
    "aaaa",
    "bbbb,cccc",
    limits="2233ccdd",
    payload_keys="none",
)
_APPCODE = "an appcode of some length"
_KEYS = {"number_keys": "0123456789abcdef-number", "callback_keys": "0123456789abcdef-callback"}


def process(name: str, given: SharedSettings | None) -> WorkerProcess:
    return WorkerProcess(name, "host", 1, ("sms.otp",), 0, given)


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    policy = tmp_path / "policy.toml"
    policy.write_text("one")
    return WorkerSettings(_env_file=None, **_KEYS, appcode=_APPCODE, rate=50, policy=policy)


def test_a_configuration_tells_files_apart_by_their_content(settings: WorkerSettings) -> None:
    before = shared_settings(settings)
    assert settings.policy is not None
    settings.policy.write_text("two")
    after = shared_settings(settings)
    assert before.policy != after.policy
    assert replace(before, policy=after.policy) == after
    assert (before.templates, before.apps) == ("none", "none")


def test_a_limits_file_is_told_apart_by_its_content(settings: WorkerSettings, tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(packaged_source(), "utf-8")
    given = settings.model_copy(update={"limits": file})
    assert shared_settings(given) == shared_settings(settings)
    file.write_text("version = 1", "utf-8")
    assert replace(shared_settings(given), limits=shared_settings(settings).limits) == shared_settings(settings)
    assert shared_settings(given) != shared_settings(settings)


def test_an_apps_file_is_told_apart_by_its_content_and_only_with_the_key(settings: WorkerSettings, tmp_path: Path) -> None:
    file = tmp_path / "apps.toml"
    file.write_text("[shop]", "utf-8")
    given = settings.model_copy(update={"apps": file})
    one = shared_settings(given).apps
    assert one not in {"none", hashlib.sha256(b"[shop]").hexdigest()[:12]}
    assert shared_settings(given.model_copy(update={"callback_keys": KeyRing(b"another key of some length")})).apps != one
    file.write_text("[crm]", "utf-8")
    assert shared_settings(given).apps != one


def test_a_configuration_holds_no_secret(settings: WorkerSettings) -> None:
    told = str(asdict(shared_settings(settings)))
    assert [key for key in _KEYS.values() if key in told] == []
    assert _APPCODE not in told


def test_a_key_has_the_same_name_at_each_place_of_a_list_and_another_key_another(settings: WorkerSettings) -> None:
    [alone] = shared_settings(settings).callback_keys.split(",")
    both = settings.model_copy(update={"callback_keys": KeyRing(b"another key of some length", *settings.callback_keys.all)})
    newest, older = shared_settings(both).callback_keys.split(",")
    assert older == alone != newest


def test_a_configuration_survives_being_reported() -> None:
    assert SharedSettings.decode(asdict(GIVEN) | {"of a later version": 1}) == GIVEN


@pytest.mark.parametrize("reported", [None, {}, {"rate": 1.0}])
def test_what_another_version_reports_is_not_guessed_at(reported: dict[str, float] | None) -> None:
    assert SharedSettings.decode(reported) is None


def test_workers_that_share_everything_do_not_differ() -> None:
    assert differences([("a", GIVEN), ("b", GIVEN), ("c", None)]) == ()


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("version", "0.2.0", "version"),
        ("rate", 50.0, "SMSRELAY_RATE"),
        ("rate_unit", "segments", "SMSRELAY_RATE_UNIT"),
        ("halt_probe", 0.0, "SMSRELAY_HALT_PROBE"),
        ("retention_hours", 1.0, "SMSRELAY_RETENTION_HOURS"),
        ("policy", "ff", "SMSRELAY_POLICY"),
        ("templates", "ff", "SMSRELAY_TEMPLATES"),
        ("number_keys", "dddd,aaaa", "SMSRELAY_NUMBER_KEYS"),
        ("callback_keys", "bbbb", "SMSRELAY_CALLBACK_KEYS"),
    ],
)
def test_each_setting_that_differs_is_a_warning_that_names_it(field: str, value: object, named: str) -> None:
    other = replace(GIVEN, **{field: value})
    [found] = examine_workers([process("a", GIVEN), process("b", other)], here=GIVEN)
    assert found.severity is Severity.WARNING
    assert named in found.problem
    assert "(a)" in found.problem
    assert "(b)" in found.problem


def test_an_environment_that_is_not_the_workers_is_noted() -> None:
    [found] = examine_workers([process("a", GIVEN)], here=replace(GIVEN, rate=7.0))
    assert found.severity is Severity.NOTE
    assert f"7 ({HERE})" in found.problem
    assert examine_workers([process("a", GIVEN)], here=GIVEN) == []
    assert examine_workers([], here=GIVEN) == []


def test_of_many_workers_a_few_are_named() -> None:
    many = [process(f"worker{number}", GIVEN) for number in range(9)]
    [found] = examine_workers([*many, process("z", replace(GIVEN, rate=1.0))])
    assert "100 (worker0, worker1, worker2 +6), 1 (z)" in found.problem or "1 (z), 100 (worker0" in found.problem
