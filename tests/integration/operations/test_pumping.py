"""Blown fuses and shares of used codes, as ``status``, ``metrics`` and the doctor show them from a real store."""

import json

import pytest
from click.testing import CliRunner, Result
from prometheus_client import CollectorRegistry

from smsrelay.messages.checks import FuseCheck
from smsrelay.store.connection import StoreRedis
from smsrelay_worker.cli.status import status
from smsrelay_worker.operations.doctor.traffic.pumping import examine_codes
from smsrelay_worker.operations.metrics.collector import RelayCollector
from smsrelay_worker.operations.wiring import Operations
from smsrelay_worker.settings import OperatorSettings
from smsrelay_worker.store.fuses import Fuses
from tests.support.store_keys import KEYS

ENDS = 4_000_000_000_000  # ms; long from now


@pytest.fixture
def today(redis: StoreRedis) -> int:
    seconds, _ = redis.time()
    return int(seconds) // 86_400


@pytest.fixture
def blown(redis: StoreRedis) -> None:
    redis.hset(KEYS.fuse("20261128"), "shop/92", 1000)
    Fuses(redis).blow(FuseCheck("20261128", "shop", "92", 1000, ENDS))
    redis.sadd(KEYS.held("country:shop/92"), "018f-1", "018f-2")


@pytest.fixture
def counted(redis: StoreRedis, today: int) -> None:
    """Codes of today and of three days ago."""
    counts = {"accepted 86": 200, "used 86": 120, "accepted 92": 100, "used 92": 2}
    redis.hset(KEYS.codes, mapping={f"{today} {name}": count for name, count in counts.items()})
    redis.hset(KEYS.codes, mapping={f"{today - 3} accepted 86": 800, f"{today - 3} used 86": 480, f"{today - 7} used 86": 9})


def said(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(status, arguments, env={"SMSRELAY_STORE_URL": url})


@pytest.mark.usefixtures("blown")
def test_status_says_which_messages_wait_until_when_and_how_to_go_on(valkey_url: str) -> None:
    [line] = [line for line in said(valkey_url).stdout.splitlines() if line.startswith("fuse: ")]
    assert line.startswith("fuse: app shop has sent 1,000 messages to +92 today; stopped since ")
    assert line.endswith("; 2 messages held; `smsrelay resume --country 92 --app shop`")
    assert "stopped by its fuse" not in said(valkey_url).stdout  # once is enough
    [fuse] = json.loads(said(valkey_url, "--json").stdout)["fuses"]
    assert (fuse["app"], fuse["country"], fuse["until"], fuse["most"], fuse["held"]) == ("shop", "92", ENDS, 1000, 2)


@pytest.mark.usefixtures("counted")
def test_status_shows_the_share_of_used_codes_by_country(valkey_url: str) -> None:
    lines = [line for line in said(valkey_url).stdout.splitlines() if line.startswith("codes to ")]
    assert lines == [
        "codes to +86: 60% of 1,000 used in 7 days, 60% of 200 today",
        "codes to +92: 2% of 100 used in 7 days, 2% of 100 today",
    ]
    told = json.loads(said(valkey_url, "--json").stdout)
    assert told["codes_today"] == [
        {"country": "86", "accepted": 200, "used": 120},
        {"country": "92", "accepted": 100, "used": 2},
    ]
    assert told["codes_week"][0] == {"country": "86", "accepted": 1000, "used": 600}


def test_where_no_app_gives_feedback_status_shows_no_share(valkey_url: str, redis: StoreRedis, today: int) -> None:
    redis.hset(KEYS.codes, f"{today} accepted 86", 500)
    assert "codes to" not in said(valkey_url).stdout
    assert json.loads(said(valkey_url, "--json").stdout)["codes_today"][0]["used"] == 0
    assert examine_codes(redis) == []


@pytest.mark.usefixtures("counted")
def test_the_doctor_warns_of_a_country_whose_codes_nobody_uses(redis: StoreRedis) -> None:
    [finding] = examine_codes(redis)
    assert "100 codes to +92" in finding.problem


@pytest.mark.usefixtures("blown", "counted")
def test_metrics_have_the_fuses_and_the_codes_by_country(valkey_url: str) -> None:
    registry = CollectorRegistry()
    registry.register(RelayCollector(Operations.wire(OperatorSettings(store_url=valkey_url))))
    assert registry.get_sample_value("smsrelay_fuse_blown", {"app": "shop", "country": "92"}) == 1
    assert registry.get_sample_value("smsrelay_fuse_held", {"app": "shop", "country": "92"}) == 2
    assert registry.get_sample_value("smsrelay_codes_accepted", {"country": "86"}) == 1000
    assert registry.get_sample_value("smsrelay_codes_used", {"country": "92"}) == 2
