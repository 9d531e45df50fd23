"""What the relay survives in containers: killed and frozen processes, a store that is away."""

from tests.containers.relay import Relay
from tests.support.waiting import eventually

_PARENT = "smsrelay worker"  # names of processes
_OTP = "sms.otp"


def test_a_killed_worker_is_started_anew_and_goes_on(relay: Relay) -> None:
    before = relay.inspect("worker")["RestartCount"]
    relay.signal("KILL", "worker", _PARENT)
    eventually(lambda: relay.inspect("worker")["RestartCount"] == before + 1, "the engine restarts the worker")
    eventually(lambda: relay.inspect("worker")["State"]["Health"]["Status"] == "healthy", "the worker is healthy")
    relay.until(relay.send("13900001401"), "delivered")


def test_a_killed_store_loses_nothing(relay: Relay) -> None:
    message = relay.send("13900001402")
    relay.signal("KILL", "redis", "valkey-server")
    eventually(lambda: relay.message(message)["state"] == "delivered", "the message that was accepted is delivered")
    relay.until(relay.send("13900001403"), "delivered")


def test_a_frozen_child_is_replaced(relay: Relay) -> None:
    frozen = relay.signal("STOP", "worker", _OTP)
    message = relay.send("13900001404")
    eventually(lambda: frozen not in relay.processes("worker"), "the frozen child is gone", seconds=150)
    relay.until(message, "delivered")


def test_a_report_that_comes_while_the_store_is_away_is_kept_until_it_is_back(relay: Relay) -> None:
    relay.vendor("PUT", "/scripts/+8613900001405", {"submits": [{"reports": [{"code": 200, "after": 20}]}]})
    message = relay.send("13900001405")
    eventually(lambda: relay.vendor("GET", "/submits?recipient=%2B8613900001405"), "the vendor has the submit")
    relay.compose("stop", "redis")

    def answers() -> list[int]:
        return [one["http"] for one in relay.vendor("GET", "/callbacks?recipient=%2B8613900001405")]

    assert answers() == []
    eventually(lambda: answers() == [200], "the report is answered with 200")
    relay.compose("kill", "--signal", "KILL", "receiver")  # what it keeps is on the volume
    relay.compose("up", "--detach")  # not --wait, which fails at once for what was unhealthy without the store
    eventually(relay.healthy, "every part is healthy again", seconds=120)
    relay.until(message, "delivered")
