"""deploy/compose/ha.yml: the container of the store's primary is lost, and another server takes over."""

from collections.abc import Iterator

import pytest

from tests.containers.relay import Relay
from tests.support.waiting import eventually

_FILE = "deploy/compose/ha.yml"


@pytest.fixture
def replicated(built: Relay) -> Iterator[Relay]:
    """The relay with replicas and sentinels; afterwards there is nothing, and the next test starts what it needs."""
    before = dict(built.settings)
    built.engine.revive()
    built.compose("down", "--volumes", "--timeout", "5")
    built.write(before | {"COMPOSE_FILE": f"{before['COMPOSE_FILE']}:{_FILE}"})
    built.up()
    yield built
    built.compose("down", "--volumes", "--timeout", "5")
    built.write(before)


def test_a_lost_primary_is_replaced_and_what_was_accepted_is_sent(replicated: Relay) -> None:
    before = replicated.send("13900001801")
    replicated.compose("stop", "--timeout", "0", "redis")  # killed, and not started anew
    eventually(lambda: _accepted(replicated), "another server accepts", seconds=120)
    replicated.until(before, "delivered", seconds=120)
    replicated.until(replicated.send("13900001803"), "delivered")
    replicated.compose("start", "redis")  # it comes back as a replica of the new one
    eventually(lambda: _role(replicated) == "role:slave", "the lost server follows", seconds=120)


def _accepted(relay: Relay) -> bool:
    words = ("smsrelay", "send", "--to", "13900001802", "--template", "0000000", "--lane", "otp", "--param", "1234")
    return relay.ask("worker", *words, check=False).returncode == 0


def _role(relay: Relay) -> str:
    told = relay.ask("redis", "sh", "-c", "REDISCLI_AUTH=$REDIS_PASSWORD valkey-cli info replication", check=False).stdout
    return next((line.strip() for line in told.splitlines() if line.startswith("role:")), "")
