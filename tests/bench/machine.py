"""The machine a run was made on: the conditions above the table."""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from tests.bench.ground import LATENCY, Conditions, a_ground
from tests.bench.processes import ROOT

_PACKAGES = ("celery", "kombu", "redis", "requests", "gevent", "flask", "gunicorn", "uvicorn", "fastapi")
_SYNCS = 100


def conditions_of(conditions: Conditions) -> dict[str, str]:
    """Each condition by its name."""
    with a_ground(conditions) as ground:
        valkey = ground.redis.info("server").get("valkey_version", "?")
    cores = os.cpu_count()
    return {
        "machine": f"{cores} cores {_processor()}, {_memory():.0f} GiB, {platform.system()} {platform.release()}",
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        + f", Valkey {valkey}",
        "store and broker": f"one Valkey, fresh for each measurement, AOF, appendfsync {conditions.fsync}; "
        f"a synced write of 4 KiB takes {_sync():.2f} ms on this disk",
        "vendor": f"one process, answers after {LATENCY * 1000:.0f} ms",
        "runs": f"{conditions.runs}, relay and baseline by turns; median (least–most); ratios run by run"
        + (", **quick: fewer runs, smaller numbers**" if conditions.quick else ""),
        "load average at the start": f"{os.getloadavg()[0]:.1f}, of {cores} cores",
        "when": f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, commit {_commit()}",
    }


def _processor() -> str:
    found = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return found[0] if found else platform.machine()


def _memory() -> float:
    [kibibytes] = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return kibibytes / 2**20


def _lines(path: str) -> list[str]:
    return Path(path).read_text("utf-8", "replace").splitlines()


def _sync() -> float:
    """Milliseconds of a write that is on disk before it returns, where the measurements' folders are."""
    took = []
    with tempfile.NamedTemporaryFile(prefix="smsrelay-bench-") as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    return statistics.median(took)


def _commit() -> str:
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"
