"""Become: replace this process by another run of the interpreter; pid, environment and open streams stay.

Of the environment, what would steer our libraries past our settings is left out (``foreign_variables``), and its names are
logged.
"""

import os
import sys
from typing import NoReturn

import structlog

from smsrelay import logs
from smsrelay_worker.processes.foreign_variables import leave_out

log = structlog.get_logger()


def become(*arguments: str) -> NoReturn:
    """Run the interpreter with these arguments in place of what runs now."""
    if names := leave_out(os.environ):
        logs.set_up()
        log.info("environment variables of other programs removed", names=names)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  no shell is wanted
