"""A primary that is cut off together with a worker, while the vendor is within reach of both sides: nothing is lost or doubled.

Servers, sentinels, workers, receivers and apps are real processes on hosts of their own, which are network namespaces
(``tests/chaos/sentinel``). A write counts once a replica has it (``SMSRELAY_STORE_REPLICAS=1``): without that, both sides submit.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.hosts.isolation import why_impossible

_ROOT = Path(__file__).parents[2]
_WITHIN = 240.0  # seconds; about 45 on an idle machine


def test_a_primary_that_is_cut_off_with_a_worker_neither_loses_nor_doubles_a_message(tmp_path: Path) -> None:
    reason = why_impossible()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    command = [sys.executable, "-m", "tests.chaos.sentinel.short", str(tmp_path)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=_WITHIN, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
