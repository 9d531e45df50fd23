"""Tether: the supervisor, which ends when whoever started it does, however that was: then a pipe to its standard input closes.

``python -m smsrelay_worker.desk.tether OPTIONS``, the options being supervisord's. Runs the parts; once the pipe closes they
are stopped in order, as on SIGTERM. A process that is killed -9 cannot stop anything itself.
"""

import os
import signal
import sys
import threading

from supervisor import supervisord


def main() -> None:
    """Supervise until told to stop, or until nobody is left to tell."""
    threading.Thread(target=_stop_at_the_end_of, args=(sys.stdin.fileno(),), daemon=True).start()
    supervisord.main(sys.argv[1:])


def _stop_at_the_end_of(pipe: int) -> None:
    while os.read(pipe, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
