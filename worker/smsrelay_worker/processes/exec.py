"""Replaces this process by another run of the Python interpreter; pid, environment and open streams stay."""

import os
import sys
from typing import NoReturn

import structlog

from smsrelay import logs
from smsrelay_worker.foreign_variables import remove_foreign_variables

log = structlog.get_logger()


def exec_python(*arguments: str) -> NoReturn:
    """Run the interpreter with these arguments in place of this process.

    Environment variables that would override our settings in a library are removed, and their names are logged.
    """
    if names := remove_foreign_variables(os.environ):
        logs.set_up()
        log.info("environment variables of other programs removed", names=names)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  no shell is wanted
