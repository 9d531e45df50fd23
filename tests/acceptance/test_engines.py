"""The whole path of a message on each engine that docs/deploying.md names, as broker and store, with real workers."""

from pathlib import Path

import pytest

from tests.support.engines import ENGINES, Engine, running_engine
from tests.support.relay_process import running_relay
from tests.support.whole_path import walk


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_every_path_of_a_message_works_on_this_engine(tmp_path: Path, engine: Engine) -> None:
    with running_engine(engine, tmp_path / "server") as url:
        servers = {"SMSRELAY_BROKER_URL": url, "SMSRELAY_STORE_URL": url}
        with running_relay(tmp_path / "relay", settings=servers) as relay:
            walk(relay)
            assert relay.cli("status").returncode == 0
