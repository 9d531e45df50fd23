"""``smsrelay probe``: whether the workers of this user on this host are alive, by what their processes have told.

Asks no server, and imports next to nothing: it costs a twentieth of a second of CPU.
"""

import sys
import time
from collections.abc import Sequence

from smsrelay_worker.processes.heartbeats import FROZEN_AFTER, PARENT, STUCK_AFTER, Pulse, workers

_NS = 1_000_000_000


def main(*, ready: bool) -> int:
    """Exit code: 0 if all is well; else 1, with a line on standard error for each process that is not."""
    now = time.monotonic_ns()
    found = list(workers())
    problems = [line for pid, pulses in found for line in unwell(pid, pulses, now, ready=ready)]
    if not found:
        problems = ["no worker of this user runs on this host"]
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


def unwell(pid: int, pulses: Sequence[Pulse], now: int, *, ready: bool) -> list[str]:
    """What is wrong with the processes of one worker, the parent first. ``now``: monotonic, in ns. ``ready``: each has to
    consume its queues."""
    lines = []
    for place, pulse in enumerate(pulses):
        reason = _silent(pulse, now, STUCK_AFTER if place != PARENT else None)
        if reason is None and ready and place != PARENT and not pulse.consuming:
            reason = "not consuming yet, or not connected to the broker"
        if reason is not None:
            lines.append(f"{pulses[PARENT].name} ({pid}): {pulse.name if place != PARENT else 'the parent'}: {reason}")
    return lines


def _silent(pulse: Pulse, now: int, stuck_after: float | None) -> str | None:
    if not pulse.alive_at:
        return "does not run"
    silent = (now - pulse.alive_at) / _NS
    if silent > FROZEN_AFTER:
        return f"no heartbeat for {silent:.0f} s"
    turned = (now - pulse.turned_at) / _NS if pulse.turned_at else 0.0
    if stuck_after is not None and turned > stuck_after:
        return f"its consumer has been stuck for {turned:.0f} s"
    return None
