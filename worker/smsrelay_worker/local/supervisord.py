"""supervisord, which also stops when the process that started it is gone.

``python -m smsrelay_worker.local.supervisord OPTIONS``, with supervisord's own options. Standard input is a pipe from the
starter. When that pipe closes, for whatever reason, the programs are stopped in order, as on SIGTERM: a starter killed by SIGKILL
cannot do it.
"""

import os
import signal
import sys
import threading

from supervisor import supervisord


def main() -> None:
    """Run supervisord until it is stopped or standard input closes."""
    threading.Thread(target=_stop_at_end_of, args=(sys.stdin.fileno(),), daemon=True).start()
    supervisord.main(sys.argv[1:])


def _stop_at_end_of(pipe: int) -> None:
    while os.read(pipe, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
