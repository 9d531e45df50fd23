"""``smsrelay demo``: the whole relay at work on this machine, from enqueue to final state, against the simulator.

Enters: nothing. Leaves: a table of what really happened, and exit code 0 only when every row is what it should be. The stack runs
on free ports in a folder of its own; both are gone at the end.
"""

import contextlib
import os
import secrets
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from smsrelay.cli.commands import Refused, told
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay_worker.desk.stack import Stack, StackFailed, free_port
from smsrelay_worker.desk.up import Desk, Ports
from smsrelay_worker.messages.record import Record
from smsrelay_worker.messages.timeline import describe_timeline
from smsrelay_worker.policy.toml_file import packaged_source
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.store.records import Reading
from smsrelay_worker.terminal import wide_console
from smsrelay_worker.wiring import Relay

_DEADLINE = 120.0  # seconds
_POLL = 0.2
_COLUMNS = ("the vendor was told", "message", "lane", "attempts", "codes", "state", "why", "")
_WIDE = 120  # characters in a line; fewer have no room for all columns unfolded
_PACKAGED_LATER = "base_s = 120, factor = 3, cap_s = 3600"
_DEMO_LATER = "base_s = 2, factor = 1, cap_s = 2"


@dataclass(frozen=True, slots=True)
class Scene:
    """One message of the demo: what the vendor is told to do, and what must come of it."""

    title: str
    lane: Lane
    submits: tuple[dict[str, Any], ...]
    state: State
    attempts: int
    codes: tuple[str, ...]


def _accepted(*codes: int) -> dict[str, Any]:
    reports = [{"code": code, "after": 0.3 * (place + 1)} for place, code in enumerate(codes)]
    return {"answer": "accept", "reports": reports}


SCENES = (
    Scene("200", Lane.OTP, (_accepted(200),), State.DELIVERED, 1, ("0000", "200")),
    Scene("203, then 200", Lane.NOTICE, (_accepted(203, 200),), State.DELIVERED, 1, ("0000", "203", "200")),
    Scene("503, then 200", Lane.OTP, (_accepted(503), _accepted(200)), State.DELIVERED, 2, ("0000", "503", "0000", "200")),
    Scene("210, then 200", Lane.MARKETING, (_accepted(210), _accepted(200)), State.DELIVERED, 2, ("0000", "210", "0000", "200")),
    Scene("504", Lane.NOTICE, (_accepted(504),), State.FAILED, 1, ("0000", "504")),
    Scene("211", Lane.MARKETING, (_accepted(211),), State.FAILED, 1, ("0000", "211")),
    Scene("vendor refuses", Lane.NOTICE, ({"answer": "vendor_code", "code": "i005"},), State.FAILED, 1, ("i005",)),
    Scene(
        "throttled, then accepted",
        Lane.MARKETING,
        ({"answer": "throttled_429"}, _accepted(200)),
        State.DELIVERED,
        1,
        ("http_429", "0000", "200"),
    ),
    Scene(
        "uncertain, then reported",
        Lane.OTP,
        ({"answer": "reset_after", "reports": [{"code": 200, "after": 1.5}]},),
        State.DELIVERED,
        1,
        ("connection_reset", "200"),
    ),
)


@click.command()
def demo() -> None:
    """Show every interesting path of a message with real processes, and check it."""
    with tempfile.TemporaryDirectory(prefix="smsrelay-demo-") as folder:
        data = Path(folder)
        desk = Desk(data, Ports(free_port(), free_port(), free_port(), free_port()))
        own = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
        environment = desk.environment(own) | {"SMSRELAY_POLICY": str(_policy(data))}
        os.environ.update(environment)
        console = wide_console()
        console.print("starting broker, simulator, receiver, worker and Flower …")
        try:
            # Away from an .env file, whose spool, rate or templates would be this demo's.
            with contextlib.chdir(data), told(), Stack(desk.parts(own), data, environment).running():
                readings = _play(Relay.wire(WorkerSettings()), f"http://127.0.0.1:{desk.ports.simulator}", console)
                right = _print(readings, Relay.wire(WorkerSettings()), console)
        except StackFailed as error:
            raise Refused(str(error)) from None
    console.print(
        "everything is stopped; every row is what it should be" if right else "everything is stopped; some rows are wrong"
    )
    raise SystemExit(0 if right else 1)


def _policy(data: Path) -> Path:
    """The packaged policy, but a phone that is off is tried again after seconds instead of minutes."""
    source = packaged_source()
    if _PACKAGED_LATER not in source:
        raise Refused("the packaged policy has another backoff for 210 than the demo shortens")
    path = data / "policy.toml"
    path.write_text(source.replace(_PACKAGED_LATER, _DEMO_LATER), encoding="utf-8")
    return path


def _play(relay: Relay, simulator: str, console: Console) -> list[Reading | None]:
    ids = []
    with requests.Session() as session:
        session.trust_env = False
        for place, scene in enumerate(SCENES):
            to = f"+861390000{place:04d}"
            url = f"{simulator}/control/scripts/{to}"
            session.put(url, json={"submits": list(scene.submits)}, timeout=5).raise_for_status()
            code = f"{secrets.randbelow(900000) + 100000}"
            job = SendJob(to=to, template="0000000", params=[code], lane=scene.lane, reference=f"demo-{place}")
            ids.append(relay.enqueuer.enqueue(job).message_id)
    return _watch(relay, ids, console)


def _watch(relay: Relay, ids: list[str], console: Console) -> list[Reading | None]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    until = time.monotonic() + _DEADLINE
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("messages final", total=len(ids))
        while True:
            readings = [relay.records.read(message_id) for message_id in ids]
            final = sum(reading is not None and reading.record.state.final for reading in readings)
            progress.update(task, completed=final)
            if final == len(ids) or time.monotonic() > until:
                return readings
            time.sleep(_POLL)


def _print(readings: list[Reading | None], relay: Relay, console: Console) -> bool:
    table, verdicts = _table(console.width < _WIDE), []
    for scene, reading in zip(SCENES, readings, strict=True):
        record = reading.record if reading else None
        right = record is not None and _as_it_should(scene, record)
        verdicts.append(right)
        mark = Text("ok", style="green") if right else Text("WRONG", style="red")
        cells = _cells(record, relay) if record else ("", "", "", "lost", "")
        table.add_row(scene.title, record.message_id[:8] if record else "", *cells, mark)
    console.print(table)
    return all(verdicts)


def _table(narrow: bool) -> Table:
    """The table's head; where there is no room for lines between cells, long cells are folded and none is cut off."""
    look: dict[str, Any] = {"box": None, "pad_edge": False, "padding": (0, 1, 0, 0), "leading": 1} if narrow else {}
    table = Table(title="what happened", **look)
    for title in _COLUMNS:
        folds = title == "why" or (narrow and title in {"the vendor was told", "codes"})
        table.add_column(title, no_wrap=not folds, overflow="fold")
    return table


def _as_it_should(scene: Scene, record: Record) -> bool:
    seen = Counter(line.code for line in record.timeline if line.code)
    return (record.state, record.attempt, seen) == (scene.state, scene.attempts, Counter(scene.codes))


def _cells(record: Record, relay: Relay) -> tuple[str, str, str, str, str]:
    codes = " ".join(line.code for line in record.timeline if line.code)
    why = describe_timeline(record, relay.policy)[-1].text
    return record.lane.value, str(record.attempt), codes, record.state.value, why
