"""Two relays with two prefixes in one store: real workers, and neither sees anything of the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from smsrelay_worker.operations.doctor.servers.broker_owner import FOUND
from tests.support.engines import ENGINES, running_engine
from tests.support.relay_process import RelayProcess, run_smsrelay, running_relay
from tests.support.whole_path import walk


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RelayProcess, RelayProcess]]:
    folder = tmp_path_factory.mktemp("two")
    with (
        running_engine(ENGINES[-1], folder / "server") as url,
        running_relay(folder / "first", settings=of("{shop}", url, 1)) as first,
        running_relay(folder / "second", settings=of("{bank}", url, 2)) as second,
    ):
        yield first, second


def of(prefix: str, url: str, broker: int) -> dict[str, str]:
    return {
        "SMSRELAY_PREFIX": prefix,
        "SMSRELAY_STORE_URL": url,
        "SMSRELAY_BROKER_URL": url.removesuffix("/0") + f"/{broker}",
    }


def test_their_messages_do_not_mix(both: tuple[RelayProcess, RelayProcess]) -> None:
    first, second = both
    ids = walk(first), walk(second)
    for relay, own, foreign in ((first, *ids), (second, *reversed(ids))):
        assert all(relay.relay.records.read(message_id) for message_id in own)
        assert not any(relay.relay.records.read(message_id) for message_id in foreign)
        log = (relay.data / "worker.log").read_text("utf-8")
        assert not [message_id for message_id in foreign if message_id in log]
    assert {str(key).split(":")[0] for key in first.redis.scan_iter(count=1000)} == {"{shop}", "{bank}"}


def test_a_worker_with_another_prefix_on_the_same_broker_is_refused(
    both: tuple[RelayProcess, RelayProcess], tmp_path: Path
) -> None:
    environment = {**both[0].environment, "SMSRELAY_PREFIX": "{third}"}
    for command in ("worker", "doctor"):
        ended = run_smsrelay(environment, command)
        assert ended.returncode != 0
        assert FOUND.problem in " ".join((ended.stdout + ended.stderr).split())
