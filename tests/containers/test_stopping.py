"""Stopping: what was submitted is finished, and nobody has to be killed."""

import time

from tests.containers.relay import PARTS, Relay
from tests.support.waiting import eventually

_AS_TOLD = {0, 143}  # by itself, or, having tidied up, by the SIGTERM it was sent


def test_a_worker_that_stops_finishes_what_it_submits(relay: Relay) -> None:
    relay.vendor("PUT", "/scripts/+8613900001501", {"submits": [{"answer": "accept", "delay": 10}]})
    message = relay.send("13900001501")
    assert _stopped(relay, "13900001501") == 0
    relay.up()
    assert relay.until(message, "delivered")["attempts"] == 1


def test_a_worker_that_stops_while_the_vendor_is_silent_does_not_submit_again(relay: Relay) -> None:
    relay.vendor("PUT", "/scripts/+8613900001502", {"submits": [{"answer": "timeout_after", "delay": 90, "reports": []}]})
    message = relay.send("13900001502", lane="notice")
    assert _stopped(relay, "13900001502") == 0
    relay.up()
    assert relay.message(message)["attempts"] == 1


def _stopped(relay: Relay, submitted: str) -> int:
    """Stop the worker while it submits to this number; its exit code."""
    submits = f"/submits?recipient=%2B86{submitted}"
    eventually(lambda: relay.vendor("GET", submits), "the vendor has the submit")
    began = time.monotonic()
    relay.compose("stop", "worker")
    print(f"stopped after {time.monotonic() - began:.0f} s")
    assert len(relay.vendor("GET", submits)) == 1
    return int(relay.inspect("worker")["State"]["ExitCode"])


def test_all_of_it_stops_in_order_and_nobody_is_killed(relay: Relay) -> None:
    began = time.monotonic()
    relay.compose("stop")
    took = time.monotonic() - began
    ended = {name: relay.inspect(name)["State"]["ExitCode"] for name in PARTS}
    assert set(ended.values()) <= _AS_TOLD, ended
    assert took < 60
