"""Become: replace this process by another run of the interpreter; pid, environment and open streams stay."""

import os
import sys
from typing import NoReturn


def become(*arguments: str) -> NoReturn:
    """Run the interpreter with these arguments in place of what runs now."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  no shell is wanted
