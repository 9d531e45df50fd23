"""``smsrelay worker`` whose parent soon loses patience with its children, run by gevent.monkey as the real one is.

``SECONDS_FROZEN`` and ``SECONDS_STUCK`` are its patience. With ``STUCK_CONSUMER`` set, the loop of each consumer hangs before it
turns for the first time, while everything else in the process goes on.
"""

import os
import threading

from celery.signals import worker_ready

from smsrelay_worker.processes import main
from smsrelay_worker.processes.silence import Patience


def _hang(**_: object) -> None:
    threading.Event().wait()


if "STUCK_CONSUMER" in os.environ:
    worker_ready.connect(_hang, weak=False)
main.PATIENCE = Patience(float(os.environ["SECONDS_FROZEN"]), float(os.environ["SECONDS_STUCK"]))
main.main(prog_name="smsrelay worker")
