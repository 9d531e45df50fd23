"""``smsrelay rate``, ``status`` and ``metrics`` as a shell runs them."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.store.connection import StoreRedis
from smsrelay.store.suppressions import Suppressions
from smsrelay_worker.rate_limit.limiter import RateLimiter
from tests.support.forked_command import run_command
from tests.support.messages import NUMBER_KEYS, enqueuer, job
from tests.support.store_keys import KEYS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(valkey_url: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
    urls = {"SMSRELAY_STORE_URL": valkey_url, "SMSRELAY_BROKER_URL": valkey_url}
    return (
        kept
        | urls
        | {"PYTHONPATH": str(ROOT), "SMSRELAY_NUMBER_KEYS": "n" * 16, "SMSRELAY_CALLBACK_KEYS": "c" * 16, "SMSRELAY_APPCODE": "a"}
    )


@contextmanager
def started(environment: Mapping[str, str], folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "smsrelay_worker", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(environment: Mapping[str, str], folder: Path, *arguments: str) -> tuple[int, list[str]]:
    ended = run_command(arguments, environment, folder=folder)
    return ended.returncode, (ended.stdout + ended.stderr).splitlines()


def test_the_rate_is_shown_set_and_reset(redis: StoreRedis, environment: Mapping[str, str], tmp_path: Path) -> None:
    limiter = RateLimiter(redis, 100)
    assert run(environment, tmp_path, "rate") == (0, ["rate: 100 a second (SMSRELAY_RATE)"])
    assert run(environment, tmp_path, "rate", "200") == (0, ["rate: 200 a second (smsrelay rate)"])
    assert limiter.state().configured == 200
    code, lines = run(environment, tmp_path, "rate", "--template", "42", "20")
    assert (code, lines[1:]) == (0, ["rate of template 42: 20 a second"])
    run(environment, tmp_path, "rate", "--template", "42", "off")
    assert run(environment, tmp_path, "rate", "default") == (0, ["rate: 100 a second (SMSRELAY_RATE)"])


@pytest.mark.parametrize("value", ["0", "fast", "nan", "off", "1e9"])
def test_an_invalid_rate_ends_with_2(environment: Mapping[str, str], tmp_path: Path, value: str) -> None:
    code, lines = run(environment, tmp_path, "rate", value)
    assert (code, lines) == (2, ["Error: a rate is a number from 0.01 to 100000 a second, or default"])


def test_status_tells_people_and_machines_the_same(
    redis: StoreRedis, valkey_url: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    enqueuer(redis, valkey_url).enqueue_all([job(Lane.MARKETING) for _ in range(3)])
    limiter = RateLimiter(redis, 100)
    limiter.record_outcomes(answered=0, failed=20)
    code, lines = run(environment, tmp_path, "status")
    assert code == 0
    assert lines[0].startswith("circuit open since ")
    assert any(line.startswith("marketing: 3 waiting") for line in lines)
    limiter.throttle(0)
    limiter.halt("A403")
    code, lines = run(environment, tmp_path, "status")
    assert lines[0].startswith("halted since ")
    assert any(line.startswith("rate now: ") for line in lines)  # half of it, and climbing
    code, lines = run(environment, tmp_path, "status", "--json")
    told = json.loads("\n".join(lines))
    assert code == 0
    assert (told["waiting"], told["not_final"], told["reports"], told["dead"]) == (
        {"otp": 0, "notice": 0, "marketing": 3},
        3,
        0,
        0,
    )
    assert told["rate"]["configured"] == 100
    assert told["rate"]["halted"]["code"] == "A403"
    assert told["rate"]["circuit"]["probe"] > told["rate"]["circuit"]["since"]


def test_metrics_are_read_at_each_scrape_and_contain_nothing_personal(
    redis: StoreRedis, valkey_url: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    with started(environment, tmp_path, "metrics", "--port", "0") as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        assert "smsrelay_halted 0.0" in scraped(address)
        accepted = enqueuer(redis, valkey_url).enqueue(job(Lane.OTP))
        RateLimiter(redis, 100).halt("A403")
        RateLimiter(redis, 100).set_rate(20, "42")
        Suppressions(redis, NUMBER_KEYS).add(["+8613800138000"], "app:shop", "command")
        redis.hset(KEYS.unlisted, "777", 2)
        text = scraped(address)
        for line in (
            "smsrelay_store_up 1.0",
            "smsrelay_halted 1.0",
            "smsrelay_rate_configured 100.0",
            'smsrelay_rate_template{template="42"} 20.0',
            'smsrelay_waiting{lane="otp"} 1.0',
            'smsrelay_suppressed{list="app:shop"} 1.0',
            'smsrelay_unlisted_reports{code="777"} 2.0',
        ):
            assert line in text.splitlines()
        assert accepted.message_id not in text
        assert "13800138000" not in text


def test_metrics_report_an_unavailable_store(environment: Mapping[str, str], tmp_path: Path, closed_port: int) -> None:
    away = {**environment, "SMSRELAY_STORE_URL": f"redis://127.0.0.1:{closed_port}/0"}
    with started(away, tmp_path, "metrics", "--port", "0") as process:
        assert process.stdout is not None
        samples = [line for line in scraped(process.stdout.readline().strip()).splitlines() if not line.startswith("#")]
    assert samples == ["smsrelay_store_up 0.0"]


def scraped(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return str(answer.read().decode())
