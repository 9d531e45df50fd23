"""A receiver's heartbeat, in a real store and with a real spool."""

from dataclasses import replace
from pathlib import Path

from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.heartbeat import Heartbeat, this_receiver
from smsrelay.receiver.spool import Spool
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.receiver_registry import ReceiverRegistry
from tests.support.waiting import eventually


def test_it_tells_what_is_spooled_and_how_far_the_clocks_are_apart_and_leaves_in_order(redis: StoreRedis, tmp_path: Path) -> None:
    registry, spool = ReceiverRegistry(redis), Spool(tmp_path, 10)
    spool.put([StatusEvent(message_id="m1", attempt=1, code="200", received_at=5)])
    spool.put([StatusEvent(message_id="m2", attempt=1, code="200", received_at=6)])
    with Heartbeat(registry, spool, this_receiver(tmp_path, 8080), every=0.01):
        [seen] = eventually(lambda: [one for one in registry.receivers() if one.clock is not None], "it beats twice")
        assert (seen.spooled, seen.oldest_spooled) == (2, 5)
        assert abs(seen.clock or 0) < 1_000
        spool.remove(10)
        [seen] = eventually(lambda: [one for one in registry.receivers() if one.spooled == 0], "the spool is empty")
        assert seen.oldest_spooled is None
    assert registry.receivers() == ()
    spool.close()


def test_a_spool_that_cannot_be_read_is_told_as_that(redis: StoreRedis, tmp_path: Path) -> None:
    registry, folder = ReceiverRegistry(redis), tmp_path / "file"
    folder.write_text("no folder")
    beat = Heartbeat(registry, Spool(folder, 10), replace(this_receiver(tmp_path, 8080), pid=1))
    beat.beat()
    assert [one.spooled for one in registry.receivers()] == [None]


def test_a_store_that_is_away_ends_neither_the_heartbeat_nor_the_receiver(closed_port: int, tmp_path: Path) -> None:
    with open_store(StoreAddress(f"redis://127.0.0.1:{closed_port}/0")) as away:
        spool = Spool(tmp_path, 10)
        heartbeat = Heartbeat(ReceiverRegistry(away), spool, this_receiver(tmp_path, 8080), every=0.01)
        with heartbeat:
            eventually(heartbeat._thread.is_alive, "it goes on")
        spool.close()
