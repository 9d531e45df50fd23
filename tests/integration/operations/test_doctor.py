"""``smsrelay doctor`` as a shell runs it, on real servers that are set wrong, and on what lies in a real store."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from smsrelay.contract.event import StatusEvent
from smsrelay.contract.key_ring import KeyRing
from smsrelay.receiver.spool import Spool
from smsrelay.settings import StoreSettings
from smsrelay.store import keys
from smsrelay.store.connection import open_store
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.store import count_parked, examine_store
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.store.undecodable import UndecodableTasks
from tests.integration.conftest import free_port
from tests.support import messages
from tests.support.rabbitmq import running_rabbitmq
from tests.support.served import Served, serve
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

NUMBER_KEY, CALLBACK_KEY = secrets.token_hex(16), secrets.token_hex(16)
ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
EVENT = StatusEvent(
    message_id="m1", attempt=1, external_id=None, reference_id=None, code="200", updated_on=None, received_at=1, extra={}
)


class Doctor:
    """Runs ``smsrelay doctor`` in a folder with nothing of ours in the environment but what a test gives."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self.variables = dict(variables)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
        environment = kept | {"PYTHONPATH": str(ROOT)} | self.variables
        command = [sys.executable, "-m", "smsrelay_worker", "doctor", *arguments]
        return subprocess.run(
            command, cwd=self._folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def findings(self) -> list[dict[str, Any]]:
        """What it finds; its exit code is that of the worst, and standard error stays empty."""
        ended = self.run("--json")
        assert ended.stderr == ""
        told = json.loads(ended.stdout)
        found: list[dict[str, Any]] = told["findings"]
        worst = {one["severity"] for one in found}
        assert ended.returncode == told["exit_code"] == (2 if "error" in worst else 1 if worst else 0)
        return found

    def said(self) -> list[tuple[str, str]]:
        return [(one["severity"], one["check"]) for one in self.findings()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server of this test alone, for it is set wrong: its URL."""
    with running_valkey(free_port(), tmp_path / "valkey") as url:
        yield f"{url}/0"


@pytest.fixture
def store(server: str) -> Iterator[Redis]:
    with Redis.from_url(server, decode_responses=True) as client:
        yield client


@pytest.fixture(scope="module")
def receiver() -> Iterator[Served]:
    with serve(keys=KeyRing(CALLBACK_KEY.encode())) as served:
        yield served


@pytest.fixture
def doctor(server: str, receiver: Served, tmp_path: Path) -> Doctor:
    variables = {
        "BROKER_URL": server,
        "STORE_URL": server,
        "NUMBER_KEYS": NUMBER_KEY,
        "CALLBACK_KEYS": CALLBACK_KEY,
        "APPCODE": "simulator",
        "VENDOR_URL": "http://127.0.0.1:9",
        "VENDOR_INTL_URL": "http://127.0.0.1:9",
        "CALLBACK_URL": receiver.url,
        "FLOWER_AUTH": "ops:" + secrets.token_hex(8),
    }
    return Doctor(tmp_path, {f"SMSRELAY_{name}": value for name, value in variables.items()})


def test_the_embedded_server_with_local_settings_has_no_findings(doctor: Doctor, tmp_path: Path) -> None:
    assert doctor.said() == []
    assert doctor.run().stdout == "nothing found\n"
    assert not (tmp_path / ".smsrelay").exists()  # a look leaves nothing behind


def test_a_callback_url_at_which_nobody_listens_is_a_warning(doctor: Doctor, closed_port: int) -> None:
    doctor.variables["SMSRELAY_CALLBACK_URL"] = f"http://127.0.0.1:{closed_port}"
    assert doctor.said() == [("warning", "callback")]


def test_a_receiver_that_does_not_know_the_key_with_which_workers_sign_is_an_error(doctor: Doctor) -> None:
    new = secrets.token_hex(16)
    doctor.variables["SMSRELAY_CALLBACK_KEYS"] = f"{new},{CALLBACK_KEY}"
    [found] = doctor.findings()
    assert (found["severity"], found["check"]) == ("error", "callback")
    assert "other SMSRELAY_CALLBACK_KEYS" in found["problem"]
    doctor.variables["SMSRELAY_CALLBACK_KEYS"] = f"{CALLBACK_KEY},{new}"
    assert doctor.said() == []


def test_a_single_secret_in_place_of_two_keys_is_a_warning(doctor: Doctor) -> None:
    for name in ("NUMBER_KEYS", "CALLBACK_KEYS"):
        del doctor.variables[f"SMSRELAY_{name}"]
    doctor.variables["SMSRELAY_SECRET"] = CALLBACK_KEY
    assert doctor.said() == [("warning", "keys")]


def test_a_server_that_evicts_and_does_not_sync_each_write_is_found(doctor: Doctor, store: Redis) -> None:
    store.config_set("maxmemory-policy", "allkeys-lru")
    store.config_set("appendfsync", "everysec")
    assert doctor.said() == [("warning", "store and broker")] * 2
    store.config_set("maxmemory", "1gb")
    store.config_set("appendfsync", "no")
    assert doctor.said() == [("error", "store and broker")] * 2


def test_a_server_without_an_append_only_file_is_an_error(doctor: Doctor, store: Redis) -> None:
    store.config_set("appendonly", "no")
    [found] = [one for one in doctor.findings() if one["severity"] == "error"]
    assert "appendonly is no" in found["problem"]


def test_a_separate_broker_is_checked_besides_the_store(doctor: Doctor, valkey_url: str, store: Redis) -> None:
    doctor.variables["SMSRELAY_STORE_URL"] = valkey_url
    store.config_set("appendonly", "no")
    assert doctor.said() == [("error", "broker")]


def test_a_replica_is_an_error(doctor: Doctor, store: Redis, closed_port: int) -> None:
    store.replicaof("127.0.0.1", str(closed_port))
    assert ("error", "store and broker") in doctor.said()


def test_memory_at_its_limit_is_an_error(doctor: Doctor, store: Redis) -> None:
    store.config_set("maxmemory", str(store.info("memory")["used_memory"] // 2))
    [found] = doctor.findings()
    assert found["severity"] == "error"
    assert "of maxmemory is used" in found["problem"]


def test_a_snapshot_that_failed_is_an_error_where_it_stops_writes(doctor: Doctor, store: Redis, tmp_path: Path) -> None:
    shutil.move(tmp_path / "valkey", tmp_path / "aside")
    shutil.rmtree(tmp_path / "aside")  # the server has no folder to write it in
    store.bgsave()
    eventually(lambda: store.info("persistence")["rdb_last_bgsave_status"] == "err", "it fails")
    assert doctor.said() == [("warning", "store and broker")]
    store.config_set("save", "3600 1")  # from now on it answers not even a ping
    found = doctor.findings()
    assert {one["severity"] for one in found} == {"error"}
    assert "takes no writes: it cannot persist them" in found[0]["problem"]


@pytest.mark.parametrize(
    ("refused", "unknown"), [(("-config",), "appendfsync"), (("-config", "-info"), "maxmemory-policy, appendonly")]
)
def test_a_server_that_refuses_config_is_a_warning(
    doctor: Doctor, store: Redis, server: str, refused: tuple[str, ...], unknown: str
) -> None:
    store.execute_command("ACL", "SETUSER", "guest", "on", ">walrus", "~*", "&*", "+@all", *refused)
    url = server.replace("redis://", "redis://guest:walrus@")
    doctor.variables |= {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url}
    told = [one for one in doctor.findings() if one["check"] == "store and broker"]
    found = told[0]
    assert [one["severity"] for one in told] == ["warning"] * len(refused)
    assert unknown in found["problem"]
    assert "walrus" not in json.dumps(found)


def test_unavailable_servers_are_errors_and_the_other_checks_still_run(doctor: Doctor, closed_port: int) -> None:
    doctor.variables |= dict.fromkeys(("SMSRELAY_STORE_URL", "SMSRELAY_BROKER_URL"), f"redis://127.0.0.1:{closed_port}/0")
    assert doctor.said() == [("error", "store"), ("error", "broker")]


def test_wrong_settings_are_errors_and_the_servers_are_still_checked(doctor: Doctor, store: Redis) -> None:
    del doctor.variables["SMSRELAY_APPCODE"]
    store.config_set("appendonly", "no")
    assert doctor.said() == [("error", "settings"), ("error", "store and broker")]
    doctor.variables["SMSRELAY_NUMBER_KEYS"] = "4711"
    assert doctor.said() == [("error", "settings"), ("error", "settings"), ("error", "store and broker")]


def test_what_needs_attention_in_the_store_is_found(doctor: Doctor, store: Redis) -> None:
    RateLimiter(store, 1.0).halt("A403")
    UndecodableTasks(store, messages.RETENTION).keep("sms.send", "no number", "{}")
    ParkedReports(store, messages.RETENTION).park(EVENT)
    store.zadd(keys.DEAD, {"m2": 1})
    store.zadd(keys.AGENDA, {"m3": (time.time() - 40) * 1000})
    found = {one["check"]: one for one in doctor.findings()}
    assert {name: one["severity"] for name, one in found.items()} == {
        "halted": "error",
        "schedule": "error",
        "undecodable": "warning",
        "parked reports": "warning",
        "dead letters": "warning",
    }
    assert "A403" in found["halted"]["problem"]
    assert "smsrelay dead list" in found["undecodable"]["remedy"]


def test_a_test_template_used_recently_is_a_warning_with_the_real_vendor(doctor: Doctor, store: Redis, server: str) -> None:
    with messages.enqueuer(store, server) as enqueuer:
        enqueuer.enqueue(messages.job())
    assert doctor.said() == []
    doctor.variables |= {"SMSRELAY_CALLBACK_URL": "https://sms.invalid", "SMSRELAY_VENDOR_URL": "https://sms.invalid"}
    found = [one for one in doctor.findings() if one["check"] not in ("callback", "encryption")]  # nobody is there, and it is off
    assert [one["check"] for one in found] == ["templates"]
    assert "0000000 was used recently" in found[0]["problem"]


def test_a_check_that_raises_is_a_finding_and_the_others_still_run(doctor: Doctor, store: Redis, tmp_path: Path) -> None:
    store.execute_command("XADD", "sms:events", "*", "id", b"\xff\xfe")  # nothing of ours writes that
    Spool(tmp_path / ".smsrelay" / "spool", 10).put([EVENT])
    found = doctor.findings()
    assert [(one["severity"], one["check"]) for one in found] == [("error", "store"), ("warning", "spool")]
    assert found[0]["problem"].startswith("could not be checked: UnicodeDecodeError")


def test_reports_in_the_spool_of_this_host_are_found(doctor: Doctor, tmp_path: Path) -> None:
    spool = Spool(tmp_path / ".smsrelay" / "spool", 10)
    spool.put([EVENT, EVENT])
    spool.close()
    [found] = [one for one in doctor.findings() if one["check"] == "spool"]
    assert found["problem"].startswith("2 reports")


def test_a_spool_that_is_not_a_database_is_found(doctor: Doctor, tmp_path: Path) -> None:
    folder = tmp_path / ".smsrelay" / "spool"
    folder.mkdir(parents=True)
    (folder / "reports.sqlite").write_bytes(b"no database at all" * 100)
    assert ("warning", "spool") in doctor.said()


def test_the_table_names_each_finding_and_no_secret(doctor: Doctor, store: Redis) -> None:
    store.config_set("appendonly", "no")
    ended = doctor.run()
    assert ended.returncode == 2
    assert [line.split()[0] for line in ended.stdout.splitlines() if not line.startswith(" ")] == ["severity", "error"]
    assert [key for key in (NUMBER_KEY, CALLBACK_KEY) if key in ended.stdout + ended.stderr] == []


def test_notes_alone_end_with_0(doctor: Doctor, tmp_path: Path) -> None:
    with running_rabbitmq(tmp_path / "rabbitmq") as rabbitmq:
        doctor.variables["SMSRELAY_BROKER_URL"] = rabbitmq.url
        ended = doctor.run()
        told = json.loads(doctor.run("--json").stdout)
    assert ended.returncode == told["exit_code"] == 0
    [note] = told["findings"]
    assert note["severity"] == "note"
    assert "consumer_timeout cannot be read from here" in note["problem"]


@pytest.mark.parametrize(
    ("behind", "severity"), [(0, []), (5, [Severity.WARNING]), (-5, [Severity.WARNING]), (60, [Severity.ERROR])]
)
def test_a_host_whose_clock_is_off_is_found(server: str, behind: float, severity: list[Severity]) -> None:
    settings = StoreSettings(store_url=server, broker_url=server)
    _, found = examine_store(settings, lambda: time.time() - behind)
    assert [one.severity for one in found if one.check == "clock"] == severity


def test_parked_reports_are_counted_among_many_keys(server: str, store: Redis) -> None:
    store.mset({f"other:{number}": 1 for number in range(10_000)} | {keys.parked(f"m{number}"): 1 for number in range(7)})
    client = open_store(server, 1)
    assert count_parked(client) == (7, True)
    client.close()
