"""``smsrelay flower`` as a process.

Takes an environment and a folder for its log; yields its URL while it runs. Fails with the end of its log if it exits early.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from smsrelay_worker.local.stack import free_port
from tests.support.relay_process import ROOT, SMSRELAY
from tests.support.waiting import eventually


@contextmanager
def flower(environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Its URL."""
    port = free_port()
    with (folder / "flower.log").open("ab") as log:
        command = [str(SMSRELAY), "flower", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: process.poll() is not None or _answers(url), "Flower is up")
        assert process.poll() is None, (folder / "flower.log").read_text("utf-8")[-2000:]
        yield url
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with requests.Session() as http:
            http.trust_env = False
            return http.get(f"{url}/healthcheck", timeout=5).ok
    except requests.ConnectionError:
        return False
