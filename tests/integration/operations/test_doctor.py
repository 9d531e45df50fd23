"""``smsrelay doctor`` as a shell runs it, on real servers that are set wrong, and on what lies in a real store."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from smsrelay.broker.queues import QUEUES
from smsrelay.contract.event import StatusEvent
from smsrelay.contract.key_ring import KeyRing
from smsrelay.contract.lanes import Lane
from smsrelay.receiver.spool import Spool
from smsrelay.servers.store_address import StoreAddress
from smsrelay.settings import StoreSettings
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay_worker.operations.doctor.finding import Severity
from smsrelay_worker.operations.doctor.store import count_parked, examine_store
from smsrelay_worker.rate_limit.limiter import RateLimiter
from smsrelay_worker.store.parked_reports import ParkedReports
from smsrelay_worker.store.undecodable import UndecodableTasks
from smsrelay_worker.store.worker_registry import WorkerProcess
from tests.integration.conftest import free_port
from tests.support import messages
from tests.support.forked_command import run_command
from tests.support.rabbitmq import running_rabbitmq
from tests.support.served import Served, serve
from tests.support.store_keys import KEYS
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

NUMBER_KEY, CALLBACK_KEY = secrets.token_hex(16), secrets.token_hex(16)
ROOT = Path(__file__).parents[3]
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
        return run_command(("doctor", *arguments), environment, folder=self._folder)

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
def store(server: str) -> Iterator[StoreRedis]:
    with open_store(StoreAddress(server)) as client:
        yield client


@pytest.fixture(scope="module")
def receiver() -> Iterator[Served]:
    with serve(keys=KeyRing(CALLBACK_KEY.encode())) as served:
        yield served


@pytest.fixture
def doctor(server: str, store: StoreRedis, receiver: Served, tmp_path: Path) -> Doctor:
    """Where a worker takes every queue, however long the test."""
    worker = WorkerProcess("worker@host", "host", 7, tuple(QUEUES), since=0)
    store.zadd(KEYS.workers, {worker.encode(): (time.time() + 3600) * 1000})
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
        "CONSOLE_AUTH": "ops:" + secrets.token_hex(8),
    }
    return Doctor(tmp_path, {f"SMSRELAY_{name}": value for name, value in variables.items()})


def test_the_embedded_server_with_local_settings_has_no_findings(doctor: Doctor, tmp_path: Path) -> None:
    assert doctor.said() == []
    assert doctor.run().stdout == "nothing found, asked as worker\n"
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


def test_a_server_that_evicts_and_does_not_sync_each_write_is_found(doctor: Doctor, store: StoreRedis) -> None:
    store.config_set("maxmemory-policy", "allkeys-lru")
    store.config_set("appendfsync", "everysec")
    assert doctor.said() == [("warning", "store and broker")] * 2
    store.config_set("maxmemory", "1gb")
    store.config_set("appendfsync", "no")
    assert doctor.said() == [("error", "store and broker")] * 2


def test_a_server_without_an_append_only_file_is_an_error(doctor: Doctor, store: StoreRedis) -> None:
    store.config_set("appendonly", "no")
    [found] = [one for one in doctor.findings() if one["severity"] == "error"]
    assert "appendonly is no" in found["problem"]


def test_a_separate_broker_is_checked_besides_the_store(doctor: Doctor, valkey_url: str, store: StoreRedis) -> None:
    doctor.variables["SMSRELAY_STORE_URL"] = valkey_url
    store.config_set("appendonly", "no")
    assert doctor.said() == [("error", "broker"), ("warning", "workers")]


def test_a_replica_is_an_error(doctor: Doctor, store: StoreRedis, closed_port: int) -> None:
    store.replicaof("127.0.0.1", str(closed_port))
    assert ("error", "store and broker") in doctor.said()


def test_memory_at_its_limit_is_an_error(doctor: Doctor, store: StoreRedis) -> None:
    store.config_set("maxmemory", str(store.info("memory")["used_memory"] // 2))
    at_server, refused = doctor.findings()
    assert at_server["severity"] == refused["severity"] == "error"
    assert "of maxmemory is used" in at_server["problem"]
    assert "the store refuses writes (OOM: " in refused["problem"]


def test_without_a_worker_the_doctor_says_so_and_a_code_that_waits_makes_it_an_error(
    doctor: Doctor, store: StoreRedis, server: str
) -> None:
    store.delete(KEYS.workers)
    assert doctor.said() == [("warning", "workers")]
    with messages.enqueuer(store, server) as enqueuer:
        sent = enqueuer.enqueue(messages.job(lane=Lane.OTP))
    store.hincrby(KEYS.message(sent.message_id), "at", -75_000)
    found = doctor.findings()
    assert [(one["severity"], one["check"]) for one in found] == [("error", "workers"), ("error", "waiting")]
    assert "no worker is alive: nothing is submitted, no report applied; waiting: sms.otp 1" in found[0]["problem"]
    assert "otp: 1 messages wait, the oldest for 7" in found[1]["problem"]


def test_an_open_circuit_is_an_error(doctor: Doctor, store: StoreRedis) -> None:
    now = int(time.time() * 1000)
    store.hset(KEYS.circuit, mapping={"since": now, "probe": now + 5000, "wait": 5000})
    [found] = doctor.findings()
    assert (found["severity"], found["check"]) == ("error", "circuit")
    assert "smsrelay resume" in found["remedy"]


def test_a_snapshot_that_failed_is_an_error_where_it_stops_writes(doctor: Doctor, store: StoreRedis, tmp_path: Path) -> None:
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
    doctor: Doctor, store: StoreRedis, server: str, refused: tuple[str, ...], unknown: str
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


def test_wrong_settings_are_errors_and_the_servers_are_still_checked(doctor: Doctor, store: StoreRedis) -> None:
    del doctor.variables["SMSRELAY_APPCODE"]
    store.config_set("appendonly", "no")
    assert doctor.said() == [("error", "settings"), ("error", "store and broker")]
    doctor.variables["SMSRELAY_NUMBER_KEYS"] = "4711"
    assert doctor.said() == [("error", "settings"), ("error", "settings"), ("error", "store and broker")]


@pytest.mark.parametrize(
    ("role", "named", "kept"),
    [
        ("receiver", None, ("CALLBACK_KEYS",)),
        ("app", None, ("NUMBER_KEYS",)),
        ("api", "api", ("NUMBER_KEYS",)),
        ("console", None, ("NUMBER_KEYS", "CONSOLE_AUTH")),
        ("flower", None, ("FLOWER_AUTH",)),
        ("operator", "operator", ()),
        ("worker", None, ("NUMBER_KEYS", "CALLBACK_KEYS", "APPCODE", "VENDOR_URL", "VENDOR_INTL_URL", "CALLBACK_URL")),
    ],
)
def test_a_process_that_has_what_it_needs_is_well_though_it_has_no_more(
    doctor: Doctor, store: StoreRedis, role: str, named: str | None, kept: tuple[str, ...]
) -> None:
    for name in set(doctor.variables) - {f"SMSRELAY_{one}" for one in ("BROKER_URL", "STORE_URL", *kept)}:
        doctor.variables[name] = ""  # as docker-compose.yml takes it away
    options = ("--as", named) if named else ()
    ended = doctor.run("--json", *options)
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["as"]) == (0, role), ended.stdout
    assert [one["severity"] for one in told["findings"]] == (["note"] if role == "worker" else []), "about Flower"
    checked = doctor.run("--as", role) if role != "worker" else None
    assert checked is None or checked.stdout == f"nothing found, asked as {role}\n"
    if role not in ("flower", "worker"):
        store.config_set("appendonly", "no")
        assert doctor.run(*options).returncode == 2, "it still looks at the servers"


def test_a_role_that_lacks_its_key_is_told_and_the_servers_are_still_checked(doctor: Doctor, store: StoreRedis) -> None:
    store.config_set("appendonly", "no")
    for role, key in (("receiver", "CALLBACK_KEYS"), ("app", "NUMBER_KEYS"), ("api", "NUMBER_KEYS")):
        given = doctor.variables.pop(f"SMSRELAY_{key}")
        found = json.loads(doctor.run("--json", "--as", role).stdout)["findings"]
        assert [(one["severity"], one["check"]) for one in found] == [("error", "settings"), ("error", "store and broker")]
        assert found[0]["problem"].startswith(f"SMSRELAY_{key}: ")
        doctor.variables[f"SMSRELAY_{key}"] = given


def test_dead_letters_alone_are_no_reason_to_wake_anybody(doctor: Doctor, store: StoreRedis) -> None:
    store.zadd(KEYS.dead, {"m2": 1})
    assert doctor.run().returncode == 0


@pytest.mark.parametrize("role", ["worker", "operator", "console"])
def test_servers_that_are_silent_are_waited_for_once_and_not_by_each_check(doctor: Doctor, role: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        doctor.variables |= {"SMSRELAY_STORE_URL": url, "SMSRELAY_BROKER_URL": url}
        began = time.monotonic()
        ended = doctor.run("--json", "--as", role)
    found = {one["check"]: one["severity"] for one in json.loads(ended.stdout)["findings"]}
    assert found["store"] == found["broker"] == "error"
    assert time.monotonic() - began < 25


def test_what_needs_attention_in_the_store_is_found(doctor: Doctor, store: StoreRedis) -> None:
    RateLimiter(store, 1.0).halt("A403")
    UndecodableTasks(store, messages.RETENTION).keep("sms.send", "no number", "{}")
    ParkedReports(store, messages.RETENTION).park(EVENT)
    store.zadd(KEYS.dead, {"m2": 1})
    store.zadd(KEYS.agenda, {"m3": (time.time() - 40) * 1000})
    found = {one["check"]: one for one in doctor.findings()}
    assert {name: one["severity"] for name, one in found.items()} == {
        "halted": "error",
        "schedule": "error",
        "undecodable": "warning",
        "parked reports": "warning",
        "dead letters": "note",
    }
    assert "A403" in found["halted"]["problem"]
    assert "smsrelay dead list" in found["undecodable"]["remedy"]


def test_a_test_template_used_recently_is_a_warning_with_the_real_vendor(doctor: Doctor, store: StoreRedis, server: str) -> None:
    with messages.enqueuer(store, server) as enqueuer:
        enqueuer.enqueue(messages.job())
    assert doctor.said() == []
    doctor.variables |= {"SMSRELAY_CALLBACK_URL": "https://sms.invalid", "SMSRELAY_VENDOR_URL": "https://sms.invalid"}
    found = [one for one in doctor.findings() if one["check"] not in ("callback", "encryption")]  # nobody is there, and it is off
    assert [one["check"] for one in found] == ["templates"]
    assert "0000000 was used recently" in found[0]["problem"]


def test_a_check_that_raises_is_a_finding_and_the_others_still_run(doctor: Doctor, store: StoreRedis, tmp_path: Path) -> None:
    store.execute_command("XADD", "{sms}:events", "*", "id", b"\xff\xfe")  # nothing of ours writes that
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


def test_the_table_names_each_finding_and_no_secret(doctor: Doctor, store: StoreRedis) -> None:
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
    found = examine_store(settings, lambda: time.time() - behind, set())
    assert [one.severity for one in found if one.check == "clock"] == severity


def test_parked_reports_are_counted_among_many_keys(server: str, store: StoreRedis) -> None:
    store.mset({f"other:{number}": 1 for number in range(10_000)} | {KEYS.parked(f"m{number}"): 1 for number in range(7)})
    client = open_store(StoreAddress(server), 1)
    assert count_parked(client) == (7, True)
    client.close()
