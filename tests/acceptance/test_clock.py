"""The clock of a worker's host is set forwards and back by an hour under load: the store's clock decides, nothing comes of it.

The worker's processes read ``time.time`` and ``time.time_ns`` through a ``sitecustomize`` of their own that adds what a file
says, at every call, so Celery, kombu and our code see the jump as they would after an administrator's ``date -s``.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Entry, Record
from tests.support.relay_process import RelayProcess, a_recipient, running_relay
from tests.support.shortened_policy import PATIENT, PATIENT_CODE

_HOUR = 3600.0
_JUMPS = (_HOUR, -_HOUR, 0.0)
_WAVE = 30  # messages between two jumps
_BACK = 120.0  # seconds until everything has ended well

_CLOCK = """
import os, sys, time

if "worker" in " ".join(sys.orig_argv):
    _jumps, _time, _time_ns = os.environ["CLOCK_JUMPS"], time.time, time.time_ns

    def _jumped():
        with open(_jumps) as file, open(_jumps + ".seen", "a") as seen:
            seconds = file.read()
            seen.write(seconds + chr(10))
            return float(seconds)

    time.time = lambda: _time() + _jumped()
    time.time_ns = lambda: _time_ns() + int(_jumped() * 1e9)
"""


@pytest.fixture
def jump(tmp_path: Path) -> Callable[[float], None]:
    """Sets the clock so many seconds off; a file is replaced whole."""

    def set_off(seconds: float) -> None:
        (tmp_path / "next").write_text(str(seconds))
        (tmp_path / "next").replace(tmp_path / "jumps")

    set_off(0.0)
    return set_off


@pytest.fixture
def relay(tmp_path: Path, jump: Callable[[float], None]) -> Iterator[RelayProcess]:
    customs = tmp_path / "customs"
    customs.mkdir()
    (customs / "sitecustomize.py").write_text(_CLOCK)
    settings = {"PYTHONPATH": str(customs), "CLOCK_JUMPS": str(tmp_path / "jumps"), "SMSRELAY_RATE": "50"}
    with running_relay(tmp_path / "relay", settings=settings) as running:
        yield running


def test_a_worker_whose_clock_jumps_by_an_hour_under_load_loses_nothing_and_submits_nothing_twice(
    relay: RelayProcess, jump: Callable[[float], None], tmp_path: Path
) -> None:
    waiting = relay.scripted({"submits": [str(PATIENT_CODE), "200"]}, Lane.NOTICE)
    relay.wait(waiting[1], lambda record: record.state is State.RETRYING, "a retry waits through every jump")
    sent = []
    for seconds in _JUMPS:
        sent += [_sent(relay, number) for number in range(_WAVE)]
        jump(seconds)
        relay.wait(sent[-1][1], lambda record: record.state is not State.QUEUED, "the worker goes on after the jump")
    for to, message_id in sent:
        record = relay.wait_state(message_id, State.DELIVERED, _BACK)
        assert len(relay.simulator.submits(to)) == record.attempt == 1
        assert _in_order(record)
    record = relay.wait_state(waiting[1], State.DELIVERED, _BACK)
    assert len(relay.simulator.submits(waiting[0])) == record.attempt == 2
    failed, again = (next(line.at for line in record.timeline if fits(line)) for fits in (_failed, _again))
    assert again - failed >= PATIENT * 1000, "no retry before its time, whatever the host shows"
    seen = {float(seconds) for seconds in (tmp_path / "jumps.seen").read_text().split()}
    assert seen == {0.0, *_JUMPS}, "the worker saw each jump"


def _failed(line: Entry) -> bool:
    return line.state is State.RETRYING


def _again(line: Entry) -> bool:
    return line.rule == "retry due"


def _sent(relay: RelayProcess, number: int) -> tuple[str, str]:
    to = a_recipient()
    return to, relay.send(to, list(Lane)[number % len(Lane)])


def _in_order(record: Record) -> bool:
    instants = [line.at for line in record.timeline]
    return instants == sorted(instants)
