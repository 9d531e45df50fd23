"""The simulator as a real process.

Takes options of its command line by name; yields a ``Simulator`` for it. The process ends with the context. Raises
``RuntimeError`` if it is not ready in time.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.simulator_client import Simulator

_ROOT = Path(__file__).resolve().parents[2]
_START = 20.0  # seconds
_STOP = 5.0
_READY = "simulator on "


@contextmanager
def running_simulator(port: int | None = None, **options: object) -> Iterator[Simulator]:
    """Start one; without a port on a free one. ``report_delay=0.05`` becomes ``--report-delay 0.05``."""
    with subprocess.Popen(_command(port, options), cwd=_ROOT, stdout=subprocess.PIPE) as process:
        try:
            with Simulator(_ready_url(process, time.monotonic() + _START)) as simulator:
                yield simulator
        finally:
            _stop(process)


def _command(port: int | None, options: dict[str, object]) -> list[str]:
    command = [sys.executable, "-m", "smsrelay_simulator", "--port", str(port or 0)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def _ready_url(process: subprocess.Popen[bytes], deadline: float) -> str:
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(process.stdout.fileno(), 4096) if readable else b""
        if not part:
            raise RuntimeError("the simulator ended, or was not ready in time")
        line += part
    return line.decode().strip().removeprefix(_READY)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
