"""Runs this program again in namespaces of its own, so that nothing it does to networks and processes touches the machine.

Network, processes and mounts are private there. Everything in them ends with the program, also when that is killed: the kernel
ends every process of a process namespace with its first one, and a network namespace with its last process.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

_INSIDE = "CHAOS_ISOLATED"
_TOOLS = ("ip", "unshare", "nsenter")
# The first process of a namespace has to reap orphans, which a shell does; and it must not be replaced by the program.
_FIRST = ("sh", "-c", 'mount -t tmpfs none /run && mkdir /run/netns && "$@"; exit $?', "first")


def is_isolated() -> bool:
    """Whether this process was started by ``isolate``."""
    return os.environ.get(_INSIDE) == "1"


def isolate(module: str, arguments: Sequence[str]) -> None:
    """Replace this process by ``python -m module`` in namespaces of its own; raises ``RuntimeError`` where none can be made."""
    reason = why_impossible()
    if reason is not None:
        raise RuntimeError(reason)
    command = [*_unshare(), *_FIRST, sys.executable, "-m", module, *arguments]
    os.execvpe(command[0], command, os.environ | {_INSIDE: "1"})


def why_impossible() -> str | None:
    """Why there can be no namespaces here; None: there can."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}: packages iproute2 and util-linux of Debian"
    tried = [*_unshare(), "sh", "-c", "mount -t tmpfs none /run && ip link add tried type bridge"]
    done = subprocess.run(tried, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"no network namespace can be made: {done.stderr.strip()}"


def _unshare() -> list[str]:
    private = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return private if os.geteuid() == 0 else [*private, "--user", "--map-root-user"]
