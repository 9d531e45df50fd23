"""Real worker processes as ``smsrelay status`` lists them: a killed one disappears, and its successor is listed instead.

Also the warnings about workers that should not run side by side.
"""

import json
from pathlib import Path

from redis import Redis

from smsrelay.broker.queues import QUEUES
from smsrelay_worker.local.stack import free_port
from tests.support.processes import kill_9
from tests.support.relay_process import RelayProcess, running_relay
from tests.support.second_worker import second_worker_started
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

_BACK = 90.0  # seconds until everything goes on after a kill


def listed(relay: RelayProcess) -> dict[str, list[int]]:
    """The processes of each queue, by the command."""
    workers = json.loads(relay.cli("status", "--json").stdout)["workers"]
    return {queue: [one["pid"] for one in workers if queue in one["queues"]] for queue in QUEUES}


def one_each(relay: RelayProcess) -> dict[str, list[int]] | None:
    found = listed(relay)
    return found if all(len(pids) == 1 for pids in found.values()) else None


def test_status_lists_the_processes_that_are_alive(tmp_path: Path) -> None:
    with running_relay(tmp_path / "relay", together=False) as relay:
        before = eventually(lambda: one_each(relay), "a process for each queue is listed", _BACK)
        killed = kill_9(relay.data, "[sms.notice]")
        after = eventually(
            lambda: found if (found := one_each(relay)) and found != before else None, "only its successor is listed", _BACK
        )
    changed = {queue for queue in QUEUES if before[queue] != after[queue]}
    assert changed == {"sms.notice"}
    assert before["sms.notice"] == [killed]


def test_status_warns_of_workers_with_the_same_name_or_with_different_rates(tmp_path: Path) -> None:
    with running_relay(tmp_path / "relay", settings={"SMSRELAY_RATE": "50"}) as relay:
        same_name = ("--together", "--name", "worker")
        with second_worker_started(relay, *same_name, settings={"SMSRELAY_RATE": "7"}):
            logs = (relay.data / "worker.log", relay.data / "worker2.log")
            eventually(
                lambda: "the workers differ in SMSRELAY_RATE: 50 (worker@" in relay.cli("status").stdout,
                "status tells of the two rates",
                _BACK,
            )
            told = relay.cli("doctor", "--json").stdout
            assert [one["problem"] for one in json.loads(told)["findings"] if one["check"] == "workers"]
            eventually(
                lambda: all("another worker has the same name" in log.read_text("utf-8") for log in logs), "both logs warn", _BACK
            )


def test_a_worker_that_lost_its_broker_is_listed_as_taking_no_tasks(tmp_path: Path) -> None:
    """Broker and store are two servers, and the broker's password changes."""
    port = free_port()
    with (
        running_valkey(port, tmp_path / "store"),
        running_relay(tmp_path / "relay", settings={"SMSRELAY_STORE_URL": f"redis://127.0.0.1:{port}/0"}) as relay,
        Redis.from_url(relay.environment["SMSRELAY_BROKER_URL"]) as broker,
    ):
        eventually(lambda: "worker worker@" in relay.cli("status").stdout, "the worker is listed", _BACK)
        eventually(lambda: "takes no tasks" not in relay.cli("status").stdout, "it takes tasks", _BACK)
        broker.config_set("requirepass", "another")
        for client in broker.client_list():
            if int(client["id"]) != broker.client_id():
                broker.client_kill_filter(_id=client["id"])
        eventually(lambda: "takes no tasks" in relay.cli("status").stdout, "it says that it takes none", _BACK)
        broker.config_set("requirepass", "")
        eventually(lambda: all(len(pids) == 1 for pids in listed(relay).values()), "it takes tasks again", _BACK)
