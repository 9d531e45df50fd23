"""deploy/systemd under a real systemd, by the commands of docs/deploying.md.

The units are verified, rated, started, killed, stopped and given wrong settings; the store is backed up and restored.
"""

import json
from collections.abc import Iterator

import pytest

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.key_ring import KeyRing
from tests.support.systemd_host import Host
from tests.support.systemd_relay import (
    BACKUP,
    DOCTOR,
    PARTS,
    RESTORE,
    RESTORE_SNAPSHOT,
    SNAPSHOT,
    TIMER,
    Installed,
    installed_host,
    started,
)
from tests.support.waiting import eventually

EXPOSED = 15  # of 100, the most that `systemd-analyze security` may rate a unit


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with installed_host(tmp_path_factory.mktemp("systemd")) as host:
        yield host


@pytest.fixture(scope="module")
def up(host: Host) -> Installed:
    """With every part started."""
    return started(host)


def test_systemd_has_nothing_to_say_about_the_units(host: Host) -> None:
    verified = host.run("bash", "-c", "systemd-analyze verify --man=no /etc/systemd/system/smsrelay*.{service,target,timer}")
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@pytest.mark.parametrize("part", [*PARTS, "export"])
def test_a_unit_may_do_little(host: Host, part: str) -> None:
    unit = f"smsrelay-{part}.service"
    rated = host.run("systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSED}", unit)
    assert rated.returncode == 0, rated.stdout


def test_a_message_is_delivered(up: Installed) -> None:
    up.wait(up.send("13912345670"), "delivered")


def test_the_doctor_finds_no_error_with_what_the_operators_file_names(up: Installed) -> None:
    said = up.host.run("bash", "-c", DOCTOR)
    assert said.returncode in {0, 1}, said.stdout + said.stderr  # a callback URL without TLS is worth a warning


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_nobody_and_cannot_gain_anything(up: Installed, part: str) -> None:
    pid = up.host.shown(f"smsrelay-{part}")["MainPID"]
    status = dict(line.split(":\t", 1) for line in up.host.shell(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
    assert int(status["Uid"].split()[0]) > 60_000
    assert (int(status["CapBnd"], 16), status["NoNewPrivs"], status["Seccomp"]) == (0, "1", "2")


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("worker", {"store_url", "broker_url", "number_keys", "callback_keys", "appcode"}),
        ("receiver", {"store_url", "broker_url", "callback_keys"}),
        ("api", {"store_url", "broker_url", "number_keys"}),
        ("console", {"store_url", "broker_url", "number_keys", "console_auth"}),
        ("flower", {"broker_url", "flower_auth"}),
    ],
)
def test_a_part_has_the_secrets_that_it_needs_and_no_others(up: Installed, part: str, named: set[str]) -> None:
    unit = f"smsrelay-{part}.service"
    pid = up.host.shown(unit)["MainPID"]
    assert set(up.host.shell(f"ls /proc/{pid}/root/run/credentials/{unit}").split()) == named
    environment = up.host.shell(f"tr '\\0' '\\n' </proc/{pid}/environ; systemctl show {unit}")
    assert [name for name, value in up.secrets().items() if value in environment] == []


def test_the_timer_starts_an_export_which_is_nobody_and_has_two_secrets(up: Installed) -> None:
    message_id = up.send("13912345680")
    up.wait(message_id, "delivered")
    up.host.run("tee", "/etc/smsrelay/secrets/export_to", stdin="ndjson:/var/lib/smsrelay-export/history.ndjson\n")
    up.host.shell(TIMER)
    assert up.host.shown("smsrelay-export.timer")["ActiveState"] == "active"
    up.host.shell("systemctl start smsrelay-export")
    history = up.host.shell("cat /var/lib/smsrelay-export/history.ndjson")
    assert message_id in {json.loads(line)["message_id"] for line in history.splitlines()}
    assert up.host.shown("smsrelay-export")["Result"] == "success"


def test_an_export_with_a_wrong_target_fails_once(up: Installed) -> None:
    up.host.run("tee", "/etc/smsrelay/secrets/export_to", stdin="mysql://host/db\n")
    assert up.host.run("systemctl", "start", "smsrelay-export").returncode != 0
    shown = up.host.shown("smsrelay-export")
    assert (shown["ActiveState"], shown["ExecMainStatus"], shown["NRestarts"]) == ("failed", "2", "0")


def test_a_worker_that_is_killed_is_started_again(up: Installed) -> None:
    before = up.host.shown("smsrelay-worker")["MainPID"]
    up.host.shell("systemctl kill --signal=KILL smsrelay-worker")
    eventually(lambda: up.host.shown("smsrelay-worker")["MainPID"] not in {"0", before}, "another process is started")
    up.wait(up.send("13912345671"), "delivered")


def test_a_worker_that_is_reloaded_stays_the_same_process_and_goes_on(up: Installed) -> None:
    up.host.wait("smsrelay-worker", "active")
    before = up.host.shown("smsrelay-worker")["MainPID"]
    up.host.shell("systemctl reload smsrelay-worker")
    up.wait(up.send("13912345679"), "delivered")
    up.host.wait("smsrelay-worker", "active")
    assert up.host.shown("smsrelay-worker")["MainPID"] == before


def test_a_worker_that_is_told_to_stop_finishes_what_it_submitted(up: Installed) -> None:
    up.vendor("latency", {"seconds": 8})
    message_id = up.send("13912345672")
    eventually(lambda: up.submits("+8613912345672"), "its submit is under way")  # whatever has been reported of it by then
    up.host.shell("systemctl stop smsrelay-worker")
    assert up.host.shown("smsrelay-worker")["Result"] == "success"
    assert up.state(message_id) in {"submitted", "delivered"}
    up.vendor("latency", {"seconds": 0})
    up.host.shell("systemctl start smsrelay-worker")
    up.wait(message_id, "delivered")
    assert up.submits("+8613912345672") == 1


def test_reports_outlive_a_receiver_without_a_broker(up: Installed) -> None:
    up.vendor("default", {"submits": ["never"]})
    message_id = up.send("13912345673")
    up.wait(message_id, "submitted")
    up.host.shell("systemctl stop redis-server")
    path = CallbackToken(message_id, 1).path(KeyRing.parse(up.secrets()["callback_keys"]))
    report = json.dumps({"external_id": "e1", "status": {"updated_on": 1_700_000_000_000, "code": 200}})
    assert up.code(8025, path, report) == "200"
    up.host.shell("systemctl restart smsrelay-receiver")
    up.host.shell("systemctl start redis-server")
    up.wait(message_id, "delivered")


def test_a_unit_with_wrong_settings_fails_once_and_starts_when_they_are_right(up: Installed) -> None:
    key, right = "/etc/smsrelay/secrets/callback_keys", up.secrets()["callback_keys"]
    up.host.shell(f"systemctl stop smsrelay-receiver; echo short >{key}; systemctl start smsrelay-receiver")
    up.host.wait("smsrelay-receiver", "failed")
    shown = up.host.shown("smsrelay-receiver")
    assert (shown["ExecMainStatus"], shown["NRestarts"]) == ("78", "0")
    assert "SMSRELAY_CALLBACK_KEYS" in up.host.shell("journalctl --no-pager -o cat -n 5 -u smsrelay-receiver")
    up.host.shell(f"echo {right} >{key}; systemctl start smsrelay-receiver")
    up.ready()


def test_a_restored_relay_starts_halted_and_submits_twice_only_what_is_let_go(up: Installed) -> None:
    up.vendor("default", {"submits": ["200"]})
    up.host.shell("systemctl stop smsrelay-worker")
    waiting, cancelled = up.send("13912345674"), up.send("13912345675")
    up.host.shell(BACKUP)
    up.host.shell("systemctl start smsrelay-worker")
    up.wait(waiting, "delivered")
    up.wait(cancelled, "delivered")
    after = up.send("13912345676")
    up.wait(after, "delivered")
    up.host.shell(RESTORE)
    up.host.shell("systemctl start smsrelay-api")
    up.ready()
    assert (up.state(waiting), up.state(after)) == ("queued", "")
    eventually(lambda: up.command("waiting").count("halted") >= 2, "the worker has found the halt")
    up.cancel(cancelled)
    assert (up.submits("+8613912345674"), up.submits("+8613912345675")) == (1, 1)
    up.command("resume")
    up.wait(waiting, "delivered")
    assert (up.submits("+8613912345674"), up.submits("+8613912345675")) == (2, 1)
    assert up.state(cancelled) == "cancelled"


def test_a_snapshot_is_restored_by_a_server_without_a_log_and_ignored_by_one_with(up: Installed) -> None:
    message_id = up.send("13912345677")
    up.wait(message_id, "delivered")
    up.host.shell(SNAPSHOT)
    emptied = "rm -rf /var/lib/redis/*; install -o redis /var/backups/smsrelay/dump.rdb /var/lib/redis/"
    up.host.shell(f"systemctl stop redis-server; {emptied}; systemctl start redis-server")
    assert up.host.shell("redis-cli --scan --pattern '{sms}:m:*'").strip() == ""  # Flower may have entered its own keys again
    up.host.shell(RESTORE_SNAPSHOT)
    up.host.shell("systemctl start smsrelay-api")
    up.ready()
    assert up.state(message_id) == "delivered"


def test_the_target_stops_everything(up: Installed) -> None:
    up.host.shell("systemctl stop smsrelay.target")
    for part in PARTS:
        up.host.wait(f"smsrelay-{part}", "inactive")
        assert up.host.shown(f"smsrelay-{part}")["Result"] == "success"
