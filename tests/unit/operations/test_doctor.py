"""What the doctor says of settings, of a server's persistence, and of clocks."""

import os
import resource
import secrets
from pathlib import Path

import pytest

from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.contract.template import Approval, Template
from smsrelay.http.open_files import open_files_shortfall
from smsrelay_worker.operations.doctor import settings as settings_check
from smsrelay_worker.operations.doctor.finding import Finding, Severity, exit_code
from smsrelay_worker.operations.doctor.host import open_files
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.servers.server import Persistence, persistence
from smsrelay_worker.operations.doctor.servers.writes import Writes, writes
from smsrelay_worker.operations.doctor.store import clocks
from smsrelay_worker.operations.doctor.traffic.stopped import halted
from smsrelay_worker.rate_limit.halt import Halt
from smsrelay_worker.settings import WorkerSettings

GOOD = Persistence("noeviction", 0, appendonly=True, appendfsync="always")
NUMBER_KEY, CALLBACK_KEY = secrets.token_hex(16), secrets.token_hex(16)
PASSWORD, APPCODE = secrets.token_urlsafe(12), secrets.token_hex(16)
ERROR, WARNING = Severity.ERROR, Severity.WARNING


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # away from any .env
    for name in [name for name in os.environ if name.upper().startswith("SMSRELAY_")]:
        monkeypatch.delenv(name)


def settings(**changed: object) -> WorkerSettings:
    good = {
        "number_keys": NUMBER_KEY,
        "callback_keys": CALLBACK_KEY,
        "appcode": APPCODE,
        "callback_url": "https://sms.example.com",
        "flower_auth": f"ops:{PASSWORD}",
        "broker_url": "amqp://broker//",
    }
    return WorkerSettings(**{name: value for name, value in (good | changed).items() if value is not None})


def severities(found: list[Finding]) -> list[Severity]:
    return [one.severity for one in found]


def said(found: list[Finding]) -> list[tuple[Severity, str]]:
    return [(one.severity, one.check) for one in found]


def template(template_id: str, status: Approval = Approval.APPROVED) -> Template:
    return Template(id=template_id, body="您的验证码是{0}", signature="某公司", status=status, lane=Lane.OTP)


@pytest.mark.parametrize(
    ("severities_", "code"), [((), 0), ((Severity.NOTE,), 0), ((WARNING, WARNING), 1), ((WARNING, ERROR), 2), ((ERROR,), 2)]
)
def test_the_exit_code_is_that_of_the_worst_finding(severities_: tuple[Severity, ...], code: int) -> None:
    assert exit_code(Finding(one, "check", Kind.CHECK_REFUSED) for one in severities_) == code


def test_good_settings_have_no_findings() -> None:
    assert settings_check.examine_settings(settings()) == []


def test_a_server_that_syncs_every_write_and_never_evicts_has_no_findings() -> None:
    assert persistence("store", GOOD) == []


@pytest.mark.parametrize(
    ("kept", "severity", "named"),
    [
        (Persistence("allkeys-lru", 1 << 30, appendonly=True, appendfsync="always"), ERROR, "allkeys-lru"),
        (Persistence("volatile-ttl", 1 << 30, appendonly=True, appendfsync="always"), ERROR, "volatile-ttl"),
        (Persistence("allkeys-lru", 0, appendonly=True, appendfsync="always"), WARNING, "allkeys-lru"),
        (Persistence("noeviction", 1 << 30, appendonly=False, appendfsync="always"), ERROR, "appendonly is no"),
        (Persistence("noeviction", 0, appendonly=True, appendfsync="everysec"), WARNING, "3 of 40"),
        (Persistence("noeviction", 0, appendonly=True, appendfsync="no"), ERROR, "appendfsync is no"),
        (Persistence("noeviction", 0, appendonly=True), WARNING, "could not be checked, because CONFIG is refused: appendfsync"),
        (Persistence(), WARNING, "maxmemory-policy, appendonly, appendfsync"),
    ],
)
def test_what_a_server_may_lose_is_found(kept: Persistence, severity: Severity, named: str) -> None:
    [found] = persistence("broker", kept)
    assert (found.severity, found.check) == (severity, "broker")
    assert named in found.problem


@pytest.mark.parametrize(
    ("kept", "severity", "named"),
    [
        (Writes(replica=True), ERROR, "replica"),
        (Writes(log_failed=True), ERROR, "aof_last_write_status"),
        (Writes(snapshot_failed=True, snapshot_stops=True), ERROR, "refuses writes"),
        (Writes(snapshot_failed=True, snapshot_stops=None), ERROR, "refuses writes"),
        (Writes(snapshot_failed=True, snapshot_stops=False), WARNING, "rdb_last_bgsave_status"),
        (Writes(used=100, maxmemory=100), ERROR, "100%"),
        (Writes(used=91, maxmemory=100), WARNING, "91%"),
    ],
)
def test_what_keeps_a_server_from_accepting_writes_is_found(kept: Writes, severity: Severity, named: str) -> None:
    [found] = writes("store", kept)
    assert (found.severity, found.check) == (severity, "store")
    assert named in found.problem


def test_a_primary_with_free_memory_accepts_writes() -> None:
    assert writes("store", Writes(used=89, maxmemory=100)) == []
    assert writes("store", Writes(used=10**12)) == []


def test_a_server_without_an_append_only_file_gets_no_second_finding_about_syncing_it() -> None:
    assert len(persistence("store", Persistence("noeviction", 0, appendonly=False, appendfsync="everysec"))) == 1


@pytest.mark.parametrize(
    ("ahead", "severity"), [(0, []), (-999, []), (1001, [WARNING]), (-29_000, [WARNING]), (30_001, [ERROR]), (-90_000, [ERROR])]
)
def test_clocks_that_are_apart_are_found_in_both_directions(ahead: float, severity: list[Severity]) -> None:
    assert severities(clocks(ahead)) == severity


def test_a_halt_is_an_error_with_its_start_and_its_code() -> None:
    [found] = halted(Halt(since=1_700_000_000_000, code="A403"))
    assert found.severity is ERROR
    assert "2023-11-14 22:13:20" in found.problem
    assert "A403" in found.problem
    assert halted(None) == []


@pytest.mark.parametrize(
    ("url", "severity"),
    [
        (None, [ERROR]),
        ("http://sms.example.com", [WARNING]),
        ("https://10.1.2.3", [ERROR]),
        ("https://[::1]:8025", [ERROR]),
        ("http://127.0.0.1:8025", [ERROR, WARNING]),
        ("http://receiver:8025", [ERROR, WARNING]),
        ("https://1.1.1.1", []),
        ("https://sms.example.com", []),
    ],
)
def test_a_callback_url_that_the_real_vendor_cannot_or_should_not_use_is_found(url: str | None, severity: list[Severity]) -> None:
    assert severities(settings_check.callback_url(url, real=True)) == severity


def test_a_simulated_vendor_may_report_over_plain_http_but_needs_a_callback_url() -> None:
    assert settings_check.callback_url("http://127.0.0.1:8025", real=False) == []
    assert severities(settings_check.callback_url(None, real=False)) == [ERROR]


@pytest.mark.parametrize(
    "vendor", ["http://127.0.0.1:9100", "http://localhost:9100", "http://simulator:9100", "http://[::1]:9100"]
)
def test_a_simulator_on_this_host_or_in_compose_is_not_taken_for_the_real_vendor(vendor: str) -> None:
    played = settings(vendor_url=vendor, vendor_intl_url=vendor, callback_url="http://receiver:8025")
    assert settings_check.examine_settings(played, {"0000000"}) == []


def test_one_real_address_of_two_makes_the_vendor_real() -> None:
    half = settings(vendor_url="http://127.0.0.1:9100", callback_url="http://sms.example.com")
    assert said(settings_check.examine_settings(half)) == [(WARNING, "callback")]


@pytest.mark.parametrize(
    "value",
    ["demo-demo-demo-demo", "Please-change-me-now!", "aaaaaaaaaaaaaaaaaaaaaaaa", "0123456789abcdef", "your-secret-goes-in-here"],
)
def test_a_placeholder_of_a_key_new_or_old_is_an_error_with_the_real_vendor(value: str) -> None:
    for listed in (value, f"{NUMBER_KEY},{value}"):
        rings = {"SMSRELAY_NUMBER_KEYS": KeyRing.parse(listed)}
        assert severities(settings_check.keys(rings, real=True)) == [ERROR]
        assert severities(settings_check.keys(rings, real=False)) == [WARNING]


def test_a_short_key_is_a_warning_and_a_random_one_is_not() -> None:
    short, random = KeyRing(b"k3J9-xQ7w_Zp2RvB8"), KeyRing(b"9f1c27e0b35d48a6f2718c0e5d94b36a")
    assert severities(settings_check.keys({"SMSRELAY_NUMBER_KEYS": short}, real=True)) == [WARNING]
    assert settings_check.keys({"SMSRELAY_NUMBER_KEYS": random}, real=True) == []


@pytest.mark.parametrize("callback_keys", [NUMBER_KEY, f"{CALLBACK_KEY},{NUMBER_KEY}"], ids=["newest", "older"])
def test_a_key_with_which_an_app_could_sign_status_reports_is_a_warning(callback_keys: str) -> None:
    [found] = settings_check.examine_settings(settings(callback_keys=callback_keys))
    assert said([found]) == [(WARNING, "keys")]
    assert "can sign status reports" in found.problem


def test_the_single_secret_of_earlier_versions_is_a_warning() -> None:
    [found] = settings_check.examine_settings(settings(number_keys=None, callback_keys=None, secret=NUMBER_KEY))
    assert said([found]) == [(WARNING, "keys")]


@pytest.mark.parametrize(
    ("auth", "severity"),
    [
        (None, [Severity.NOTE]),
        ("ops:short", [WARNING]),
        ("ops", [WARNING]),
        (":long-enough-but", [WARNING]),
        ("ops:long:enough", []),
    ],
)
def test_flower_needs_a_user_and_a_password_that_is_long_enough(auth: str | None, severity: list[Severity]) -> None:
    assert severities(settings_check.flower(auth)) == severity


def test_unapproved_templates_are_found_with_the_real_vendor_only() -> None:
    pending = {one.id: one for one in (template("T1"), template("T3", Approval.PENDING), template("T2", Approval.PENDING))}
    [found] = settings_check.templates(pending, (), real=True)
    assert found.problem == "not approved by the carrier: T2, T3"
    assert settings_check.templates(pending, {"0000000"}, real=False) == []


def test_the_test_template_is_found_where_it_is_registered_and_where_it_was_used() -> None:
    [registered] = settings_check.templates({"0000000": template("0000000", Approval.PENDING)}, {"0000000"}, real=True)
    [used] = settings_check.templates({"T1": template("T1")}, {"T1", "0000000"}, real=True)
    assert registered.problem.endswith("is registered")
    assert used.problem.endswith("was used recently")


def test_a_task_that_may_outlast_the_redelivery_time_is_reported_with_both_times() -> None:
    [found] = settings_check.redelivery(1800, 120)
    assert found.severity is WARNING
    assert "1800 s" in found.problem
    assert "120 s" in found.problem
    assert settings_check.redelivery(120, 120) == []


def test_a_task_that_outlasts_the_brokers_redelivery_time_is_a_warning() -> None:
    """On Redis one message, on RabbitMQ a whole chunk: there the channel is closed."""
    on_redis = settings(broker_url="redis://broker/0", connect_timeout=50, read_timeout=65)
    [found] = settings_check.examine_settings(on_redis)
    assert "121 s" in found.problem
    assert said(settings_check.examine_settings(settings(broker_url="redis://broker/0"))) == []
    on_rabbitmq = settings(broker_url="amqp://broker", read_timeout=30)
    assert said(settings_check.examine_settings(on_rabbitmq)) == [(WARNING, "redelivery")]


def test_files_that_no_worker_starts_with_are_errors(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[[", encoding="utf-8")
    wrong = settings(policy=broken, limits=broken, templates=broken, apps=broken)
    gone = settings(**dict.fromkeys(("policy", "limits", "templates", "apps"), tmp_path / "gone"))
    for one in (wrong, gone):
        assert said(settings_check.examine_settings(one)) == [
            (ERROR, "policy"),
            (ERROR, "apps"),
            (ERROR, "limits"),
            (ERROR, "templates"),
        ]


def test_an_account_that_cannot_work_is_an_error_that_does_not_quote_it() -> None:
    [found] = settings_check.examine_settings(settings(appcode="käse-und-brot"))
    assert said([found]) == [(ERROR, "settings")]
    assert "käse" not in found.problem


def test_no_finding_quotes_a_key(tmp_path: Path) -> None:
    shy = {
        "number_keys": "demo-" + NUMBER_KEY,
        "callback_keys": "demo-" + CALLBACK_KEY,
        "flower_auth": "ops:p4ss",
        "callback_url": "http://10.0.0.1/hidden",
    }
    found = settings_check.examine_settings(settings(**shy, broker_url="redis://:hidden@broker/0"))
    assert len(found) >= 4
    for word in (NUMBER_KEY, CALLBACK_KEY, "p4ss", "hidden", APPCODE):
        assert word not in repr(found)


def test_a_real_vendor_that_is_called_without_tls_is_an_error_and_the_simulator_is_not() -> None:
    plain = settings(vendor_url="http://edisim.market.alicloudapi.com")
    assert said(settings_check.examine_settings(plain)) == [(ERROR, "vendor")]
    played = settings(vendor_url="http://127.0.0.1:9100", vendor_intl_url="http://127.0.0.1:9100")
    assert "vendor" not in [one.check for one in settings_check.examine_settings(played)]


def test_a_limit_of_files_below_the_receivers_connections_is_a_warning() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard > 50_000:
        assert open_files(settings()) == []
    else:
        [found] = open_files(settings(callback_connections=60_000))
        assert (found.severity, found.check) == (WARNING, "files")
        assert str(60_000 + 128 - hard) in found.problem
    assert open_files_shortfall(0) == max(0, 128 - hard) if hard != resource.RLIM_INFINITY else 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
