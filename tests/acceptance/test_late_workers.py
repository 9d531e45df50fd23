"""A worker is stopped between an attempt's begin and its POST, past the message's deadline: nothing reaches the vendor."""

import contextlib
import os
import signal
from collections.abc import Iterator
from urllib.parse import urlsplit

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.vendors.base import DEADLINE_PASSED
from tests.support.full_backlog import full_backlog, leading_to
from tests.support.processes import pids
from tests.support.relay_process import RelayProcess, a_recipient
from tests.support.second_worker import BACK, FIRST, SECOND, frozen, second_worker_started, starts_of
from tests.support.waiting import eventually

_LIFETIME = 10  # seconds


def test_a_worker_frozen_past_the_deadline_submits_nothing(relay: RelayProcess) -> None:
    simulator = urlsplit(relay.environment["SMSRELAY_VENDOR_URL"]).port
    assert simulator is not None
    to, ready = a_recipient(), starts_of(relay, "worker2") + 1
    with full_backlog() as full, contextlib.ExitStack() as up:
        way = {"SMSRELAY_VENDOR_URL": full.url, "SMSRELAY_CONNECT_TIMEOUT": "60"}
        with frozen(relay, FIRST):
            up.enter_context(second_worker_started(relay, "--together", settings=way))
            eventually(lambda: starts_of(relay, "worker2") == ready, "the second worker is ready", BACK)
            message_id = relay.send(to, Lane.NOTICE, expires_in=_LIFETIME)
            expires_at = relay.wait_state(message_id, State.SUBMITTING, BACK).expires_at
            with _stopped(relay):
                up.enter_context(leading_to(simulator, full.open()))
                eventually(lambda: _store_clock(relay) > expires_at, "the deadline has passed", BACK)
            record = relay.wait_final(message_id, BACK)
    assert (record.state, record.attempt) == (State.EXPIRED, 0)
    assert (1, DEADLINE_PASSED) in {(line.attempt, line.code) for line in record.timeline}
    assert record.timeline[-1].at >= expires_at
    assert relay.simulator.submits(to) == []


@contextlib.contextmanager
def _stopped(relay: RelayProcess) -> Iterator[None]:
    """The second worker stands still."""
    processes = pids(relay.data, SECOND)
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)


def _store_clock(relay: RelayProcess) -> int:
    seconds, micros = relay.redis.time()
    return int(seconds) * 1000 + int(micros) // 1000
