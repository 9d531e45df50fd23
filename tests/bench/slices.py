"""One checkout's side of a comparison: a worker with a backlog, which works only in the slices that it is told to.

Run by ``compare`` with the checkout's own Python, in the checkout's folder, as ``python slices.py HOW COUNT``; so it uses what
the checkout's benchmark has, and not this one's. HOW is ``bulk`` or ``single``. Prints ``ready``; then, for each line of standard
input, a number of seconds, lets the worker run for so long and prints JSON: arrivals a second at the vendor, and CPU seconds a
message. Between slices all processes of the worker are stopped (SIGSTOP), so that two checkouts share a machine, but no second.
"""

import contextlib
import json
import os
import signal
import sys
import time

sys.path[0] = os.getcwd()  # noqa: PTH109  the checkout, in place of the folder of this file

from smsrelay.contract.lanes import Lane  # noqa: E402
from tests.bench.ground import Conditions, Ground, a_ground  # noqa: E402
from tests.bench.processes import Process, family  # noqa: E402
from tests.bench.sides import RelaySide, fill_together, workers  # noqa: E402

_LANES = {"bulk": Lane.MARKETING, "single": Lane.OTP}
_WARM_UP = 1.5  # seconds, not counted
_SETTLE = 0.2  # seconds of each slice that are not counted


def main() -> None:
    """Measure until standard input ends."""
    how, count = sys.argv[1], int(sys.argv[2])
    side = RelaySide()
    with a_ground(Conditions(quick=False, runs=1, fsync="always")) as ground:
        fill_together(side, ground, how, count, _LANES[how])
        [worker] = workers(side, ground, [_LANES[how]])
        ground.processes.wait(worker, lambda: ground.vendor.arrived() > 0, "the vendor sees a submit")
        time.sleep(_WARM_UP)
        _tell(worker, signal.SIGSTOP)
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(_slice(ground, worker, float(line))), flush=True)
        _tell(worker, signal.SIGCONT)


def _slice(ground: Ground, worker: Process, seconds: float) -> dict[str, float]:
    _tell(worker, signal.SIGCONT)
    time.sleep(_SETTLE)
    since, cpu = time.monotonic_ns(), worker.cpu()
    time.sleep(seconds)
    until, spent = time.monotonic_ns(), worker.cpu() - cpu
    _tell(worker, signal.SIGSTOP)
    arrived = sum(since <= at < until for at in ground.vendor.instants())
    return {"rate": arrived * 1e9 / (until - since), "cpu": spent / max(1, arrived)}


def _tell(worker: Process, number: signal.Signals) -> None:
    for one in family(worker.popen.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.pid, number)


if __name__ == "__main__":
    main()
