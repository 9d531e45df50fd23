"""What the probe says of a worker whose processes have told this or that."""

import pytest

from smsrelay_worker.processes.heartbeats import Pulse
from smsrelay_worker.processes.probe import unwell

NOW = 1_000 * 10**9


def pulse(name: str, alive: float | None = 1.0, turned: float | None = 1.0, *, consuming: bool = True) -> Pulse:
    """``alive``, ``turned``: seconds ago; None: never."""
    at = [0 if ago is None else NOW - int(ago * 10**9) for ago in (alive, turned)]
    return Pulse(name, at[0], at[1], consuming)


PARENT = pulse("worker", turned=None, consuming=False)


def test_a_worker_whose_processes_beat_is_well() -> None:
    assert unwell(7, [PARENT, pulse("sms.otp"), pulse("sms.status")], NOW, ready=True) == []


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (pulse("sms.otp", alive=None, turned=None, consuming=False), "does not run"),
        (pulse("sms.otp", alive=41), "no heartbeat for 41 s"),
        (pulse("sms.otp", turned=120), "its consumer has been stuck for 120 s"),
    ],
)
def test_a_process_that_is_not_well_is_named_by_its_queue(child: Pulse, reason: str) -> None:
    assert unwell(7, [PARENT, child, pulse("sms.status")], NOW, ready=False) == [f"worker (7): sms.otp: {reason}"]


@pytest.mark.parametrize("turned", [None, 1.0])
def test_a_process_that_is_starting_or_without_a_broker_is_alive_but_not_ready(turned: float | None) -> None:
    pulses = [PARENT, pulse("sms.otp", turned=turned, consuming=False)]
    assert unwell(7, pulses, NOW, ready=False) == []
    assert len(unwell(7, pulses, NOW, ready=True)) == 1


def test_a_frozen_parent_is_named() -> None:
    assert unwell(7, [pulse("worker", alive=60), pulse("sms.otp")], NOW, ready=False) == [
        "worker (7): the parent: no heartbeat for 60 s"
    ]
