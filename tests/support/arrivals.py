"""Checks messages whose worker or store was taken away midway: each attempt arrived exactly once, or certainly not at all.

A kill between the begin of an attempt and its POST leaves an attempt that nobody saw. Once its lease runs out, a code is
submitted again; every other message stays uncertain until the packaged policy's report deadline, because no report will ever
come. Both are correct. So is an attempt that its worker gave up unsent because the machine had stalled: another attempt follows.

Takes recipients by message id, after the disruption. Returns once all messages have settled. Fails with the record of the first
message in a wrong state.
"""

import re
from collections.abc import Mapping

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay_worker.attempts.recorder import STALLED
from tests.support.relay_process import RelayProcess

_ATTEMPT = re.compile(r"/callback/([^/]+)/(\d+)(?:-\d+)?/")
_CUT_SHORT = "lease ran out"


def each_arrived_once(relay: RelayProcess, recipients: Mapping[str, str], seconds: float, attempts: int = 1) -> None:
    """Wait until all are at rest, and hold each against what arrived; ``attempts``: how many the vendor's script leads to."""
    for message_id, to in recipients.items():

        def at_rest(record: Record, to: str = to) -> bool:
            return record.state.final or _waits_in_vain(record, _arrived(relay, record, to))

        record = relay.wait(message_id, at_rest, f"{message_id} is at rest", seconds)
        _judge(record, _arrived(relay, record, to), attempts)


def _waits_in_vain(record: Record, arrived: list[int]) -> bool:
    """Uncertain up to the report deadline: no report can come, for the vendor never saw the attempt."""
    waits = record.state is State.UNCERTAIN and record.lane is not Lane.OTP
    return waits and record.attempt in _cut_short(record) - set(arrived)


def _judge(record: Record, arrived: list[int], attempts: int) -> None:
    unseen = (_cut_short(record) | _given_up(record)) - set(arrived)
    assert arrived == [attempt for attempt in range(1, record.attempt + 1) if attempt not in unseen], record
    if _waits_in_vain(record, arrived):
        assert len(arrived) < attempts, record
    else:
        assert (record.state, len(arrived)) == (State.DELIVERED, attempts), record


def _cut_short(record: Record) -> set[int]:
    return {line.attempt for line in record.timeline if line.rule == _CUT_SHORT}


def _given_up(record: Record) -> set[int]:
    return {line.attempt for line in record.timeline if line.code == STALLED}


def _arrived(relay: RelayProcess, record: Record, to: str) -> list[int]:
    """The attempts that the vendor saw, each as often as it did."""
    paths = [_ATTEMPT.search(submit.callback_url) for submit in relay.simulator.submits(to)]
    return sorted(int(path[2]) for path in paths if path and path[1] == record.message_id)
