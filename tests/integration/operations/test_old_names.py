"""A database with the key names of an earlier version is refused, and nothing else is."""

from pathlib import Path

import pytest

from smsrelay.store.connection import StoreRedis
from smsrelay_worker.operations.doctor.old_names import FOUND, examine_old_names, holds_old_names
from tests.integration.servers.test_access_denied import a_shell


@pytest.mark.parametrize("name", ["sms:agenda", "sms:m:2ceedf36-916b-5168-8bdb-62d936724393", "sms:outbox:otp"])
def test_a_worker_and_the_doctor_refuse_what_an_earlier_version_left(
    redis: StoreRedis, valkey_url: str, tmp_path: Path, name: str
) -> None:
    redis.set(name, "anything")
    assert [one.problem for one in examine_old_names(redis)] == [FOUND.problem]
    if name != "sms:agenda":
        return
    shell = a_shell(tmp_path, valkey_url, valkey_url)
    refused = shell.run("worker")
    assert refused.code != 0
    assert FOUND.problem in " ".join((refused.output + refused.errors).split())
    assert FOUND.problem in shell.run("doctor", "--json").output


def test_our_own_keys_and_other_peoples_are_no_old_names(redis: StoreRedis) -> None:
    for name in ("{sms}:agenda", "{sms-shop}:m:1", "sms.otp", "sms:orders", "other:sms:agenda"):
        redis.set(name, "anything")
    assert not holds_old_names(redis)
