"""The engine itself restarts. Its file comes last, see conftest.py: whatever goes wrong here, the other tests have run."""

from tests.containers.relay import Relay
from tests.support.waiting import eventually


def test_an_engine_that_restarts_brings_everything_back(relay: Relay) -> None:
    message = relay.send("13900001406")
    relay.until(message, "delivered")  # an answer of the vendor's would be kept for a lease: the store stops with the worker
    relay.engine.stop()
    relay.engine.start()
    eventually(relay.healthy, "every container is healthy again", seconds=240)
    assert relay.message(message)["state"] == "delivered"
    relay.until(relay.send("13900001407"), "delivered")
