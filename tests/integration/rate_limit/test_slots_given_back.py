"""Slots that nobody will use go back to the store; when it does not hear of them, what is begun is submitted all the same."""

from importlib.resources import files

from smsrelay.contract.state import State
from smsrelay.enqueue import Enqueuer
from smsrelay.servers.store_address import StoreAddress
from smsrelay.store.connection import StoreRedis, open_store
from smsrelay.store.records import Records
from tests.support.messages import job, sending
from tests.support.scripted_vendor import scripted_vendor, yisha
from tests.support.sluice import Gate, script, sluice
from tests.support.store_keys import KEYS


def test_what_is_begun_beside_one_that_could_not_be_is_submitted_though_its_slot_cannot_be_given_back(
    redis: StoreRedis, valkey_url: str, store: Records, door: Enqueuer
) -> None:
    begun, expired = (one.message_id for one in door.enqueue_many([job(), job()]))
    redis.hset(KEYS.message(expired), "exp", 1)
    redis.script_load(files("smsrelay_worker.rate_limit").joinpath("give_back.lua").read_text("utf-8"))
    server, _, database = valkey_url.rpartition("/")
    gate = Gate((script("smsrelay_worker.rate_limit", "give_back.lua"),))
    with (
        sluice(int(server.rpartition(":")[2]), gate) as far,
        sluice(far.port, gate) as near,  # a command that got no answer is tried once more
        open_store(StoreAddress(f"redis://127.0.0.1:{near.port}/{database}")) as away,
        scripted_vendor() as vendor,
        yisha(vendor.url) as adapter,
    ):
        sending(store, away, adapter).attempt([begun, expired])
        assert far.stopped.is_set()
    assert [_state(store, one) for one in (begun, expired)] == [State.SUBMITTED, State.EXPIRED]


def _state(store: Records, message_id: str) -> State:
    reading = store.read(message_id)
    assert reading is not None
    return reading.record.state
