"""Redis, broker and store in one, is out of reach for a minute: refused by one relay's, silent at another's, at the same time.

Both ways go through a proxy of the tests. What reports come meanwhile are answered 200 from the spool; afterwards everything goes
on by itself, and the simulators say that each SMS was submitted once.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.enqueue import Accepted
from smsrelay.store.connection import StoreUnavailable
from smsrelay_worker.local.local_relay import Ports
from smsrelay_worker.local.stack import free_port
from tests.chaos.stage.gate import Gate
from tests.support.arrivals import each_arrived_once
from tests.support.relay_process import RelayProcess, a_job, running_relay
from tests.support.waiting import eventually

OUTAGE = 60.0  # seconds
_BACK = 120.0  # seconds until everything goes on; a lease that ran out in the outage is found after it
_REPORTS = (2, 20, 40, 58)  # seconds after the submit


@dataclass(frozen=True, slots=True)
class Cut:
    """A relay, and the only way to its Redis."""

    relay: RelayProcess
    gate: Gate
    fault: str  # what the gate is told
    messages: dict[str, str] = field(default_factory=dict)  # recipient by id
    retried: set[str] = field(default_factory=set)  # recipients whose first attempt is reported to have failed for now

    def told(self, action: str) -> None:
        self.gate.tell("redis", action)


@pytest.fixture
def cuts(tmp_path: Path) -> Iterator[list[Cut]]:
    with contextlib.ExitStack() as up:
        yield [up.enter_context(_cut(tmp_path, fault)) for fault in ("refuse", "silence")]


def test_a_minute_without_redis_loses_and_doubles_nothing(cuts: list[Cut]) -> None:
    for cut in cuts:
        _send_reported_in_the_outage(cut)
        _send_due_in_the_outage(cut)
    for cut in cuts:
        _submitted(cut)
        cut.told(cut.fault)
    over = time.monotonic() + OUTAGE
    jobs = [(cut, a_job(Lane.NOTICE)) for cut in cuts for _ in range(3)]
    while time.monotonic() < over:
        for cut, job in jobs:
            if time.monotonic() < over:
                assert _accepted(cut, job) is None, f"{cut.fault}: Redis is out of reach"
    answered = {cut.fault: _answered_meanwhile(cut) for cut in cuts}
    for cut in cuts:
        cut.told("open")
    for cut, job in jobs:
        eventually(lambda cut=cut, job=job: _accepted(cut, job), f"{cut.fault}: the job is accepted", _BACK)
    for cut in cuts:
        _all_delivered_once(cut)
        assert answered[cut.fault].keys() == {200}, f"{cut.fault}: {answered[cut.fault]}"
        assert answered[cut.fault][200] >= len(_REPORTS), cut.fault


@contextlib.contextmanager
def _cut(folder: Path, fault: str) -> Iterator[Cut]:
    ports = Ports(free_port(), free_port(), free_port(), free_port())
    gate = Gate({"redis": [ports.broker]})
    gate.start()
    url = f"redis://127.0.0.1:{gate.port('redis')}/0"
    try:
        settings = {"SMSRELAY_BROKER_URL": url, "SMSRELAY_STORE_URL": url}
        with running_relay(folder / fault, settings=settings, ports=ports) as relay:
            yield Cut(relay, gate, fault)
            gate.tell("redis", "open")
    finally:
        gate.stop()


def _send_reported_in_the_outage(cut: Cut) -> None:
    """Submitted before it, reported early and late in it."""
    for place, after in enumerate(_REPORTS * 2):
        script = {"submits": [{"reports": [{"code": 200, "after": after + 3}]}]}
        to, message_id = cut.relay.scripted(script, list(Lane)[place % 3])
        cut.messages[message_id] = to


def _send_due_in_the_outage(cut: Cut) -> None:
    """Enqueued before it, due or retried in it."""
    for place, lane in enumerate((*Lane, *Lane)):
        retried = place >= len(Lane)
        to, message_id = cut.relay.scripted({"submits": ["503", "200"] if retried else ["200"]}, lane)
        cut.messages[message_id] = to
        if retried:
            cut.retried.add(to)


def _submitted(cut: Cut) -> None:
    for message_id in cut.messages:
        cut.relay.wait(message_id, lambda record: record.attempt > 0 and record.state is not State.SUBMITTING, "submitted")


def _accepted(cut: Cut, job: SendJob) -> Accepted | None:
    """As an app does: calls again, under the same reference, until the store answers."""
    try:
        accepted = cut.relay.relay.enqueuer.enqueue(job)
    except StoreUnavailable:
        return None
    cut.messages[accepted.message_id] = job.to
    return accepted


def _answered_meanwhile(cut: Cut) -> Counter[int]:
    since = time.time() - OUTAGE
    return Counter(callback.http for callback in cut.relay.simulator.callbacks(since=since))


def _all_delivered_once(cut: Cut) -> None:
    for message_id, to in cut.messages.items():
        each_arrived_once(cut.relay, {message_id: to}, _BACK, attempts=2 if to in cut.retried else 1)
