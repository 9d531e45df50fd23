"""``smsrelay flower`` as a process.

Takes an environment and a folder for its log; yields its URL while it runs. Fails with the end of its log if it exits early.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from smsrelay.broker.queues import QUEUES
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


def sees_a_worker(url: str, environment: Mapping[str, str]) -> bool:
    """Whether Flower asks the worker and is answered, and its page of queues is served."""
    with requests.Session() as http:
        http.trust_env = False
        http.auth = tuple(environment["SMSRELAY_FLOWER_AUTH"].split(":"))  # type: ignore[assignment]
        try:
            workers = http.get(f"{url}/api/workers", params={"refresh": 1}, timeout=10)
            lengths = http.get(f"{url}/api/queues/length", timeout=10)
        except requests.RequestException:
            return False
    if not (workers.ok and lengths.ok):
        return False
    return bool(workers.json()) and {one["name"] for one in lengths.json()["active_queues"]} == set(QUEUES)


def _answers(url: str) -> bool:
    try:
        with requests.Session() as http:
            http.trust_env = False
            return http.get(f"{url}/healthcheck", timeout=5).ok
    except requests.ConnectionError:
        return False
