"""A worker that is started while its Redis refuses: no process of it ends, and it works as soon as it is let."""

import sys
from pathlib import Path

import pytest

from smsrelay_worker.local.stack import free_port
from tests.support.callback_path import CALLBACK_KEY, Process
from tests.support.refusals import REFUSALS
from tests.support.valkey import running_valkey
from tests.support.waiting import eventually

_REFUSED = ("broker failing", "Cannot connect to redis", "Unrecoverable")


@pytest.mark.parametrize("word", ["BUSY", "NOREPLICAS", "OOM"])
def test_a_worker_that_starts_while_redis_refuses_works_when_it_does_not(tmp_path: Path, word: str) -> None:
    log = tmp_path / "worker.log"
    with running_valkey(free_port(), tmp_path / "valkey") as address:
        settings = {
            "SMSRELAY_NUMBER_KEYS": "a number key of the tests",
            "SMSRELAY_CALLBACK_KEYS": CALLBACK_KEY,
            "SMSRELAY_APPCODE": "simulator",
            "SMSRELAY_BROKER_URL": f"{address}/0",
            "SMSRELAY_STORE_URL": f"{address}/0",
        }
        worker = Process([sys.executable, "-m", "smsrelay_worker", "worker", "--queues", "marketing"], settings, log)
        try:
            with REFUSALS[word](f"{address}/0"):
                worker.start()
                eventually(lambda: any(refused in log.read_text("utf-8") for refused in _REFUSED), "it is refused")
            eventually(lambda: " ready." in log.read_text("utf-8"), "it is ready")
        finally:
            worker.stop()
    said = log.read_text("utf-8")
    assert "Unrecoverable" not in said
    assert "restarting it" not in said, "its process ended"
