"""A real Celery app that hears outcomes in a task of its own; a worker of it runs until the context is left.

Takes a broker's URL and a folder; gives what the task got, in order, with the id of each task.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.relay_process import ROOT, clean_environment
from tests.support.waiting import eventually

QUEUE = "shop.sms"
TASK = "shop.tasks.sms_outcome"
_PROGRAM = """
import json, os
from celery import Celery
from kombu import Queue

app = Celery("shop", broker=os.environ["SHOP_BROKER"])
app.conf.task_queues = [Queue("shop.sms", durable=True)]
app.conf.worker_hijack_root_logger = False

@app.task(name="shop.tasks.sms_outcome", bind=True)
def sms_outcome(task, event):
    with open(os.environ["SHOP_LOG"], "a") as log:
        print(json.dumps([task.request.id, event]), file=log, flush=True)
"""


@dataclass(frozen=True, slots=True)
class OutcomeApp:
    """One running app."""

    log: Path

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """Task id and event, in the order of arrival."""
        lines = self.log.read_text("utf-8").splitlines() if self.log.exists() else []
        return [(task_id, event) for task_id, event in map(json.loads, lines)]

    def of(self, message_id: str) -> list[dict[str, Any]]:
        return [event for _, event in self.heard() if event["data"].get("id") == message_id]


@contextlib.contextmanager
def outcome_app(broker: str, folder: Path) -> Iterator[OutcomeApp]:
    """Run one; it consumes before the context begins."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop_app.py").write_text(_PROGRAM, "utf-8")
    log, output = folder / "heard.jsonl", folder / "worker.log"
    environment = {**clean_environment(), "SHOP_BROKER": broker, "SHOP_LOG": str(log), "PYTHONPATH": os.pathsep.join([str(ROOT)])}
    command = [sys.executable, "-m", "celery", "-A", "shop_app", "worker", "-l", "INFO", "-P", "solo", "-n", "shop@%h"]
    with output.open("wb") as printed:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=printed)
    try:
        eventually(lambda: "ready." in output.read_text("utf-8", "replace"), "the app's worker is ready")
        yield OutcomeApp(log)
    finally:
        process.terminate()
        process.wait(30)
