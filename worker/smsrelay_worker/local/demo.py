"""``smsrelay demo``: sends messages through a whole local relay, against the simulator, and checks what becomes of each.

Prints a table of what happened, and what the demo's app was told by webhook and as a Celery task; the exit code is 0 only if
every row is as expected and the app was told of each message. The relay runs on free ports in a temporary folder, and leaves
nothing behind.
"""

import contextlib
import json
import operator
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

from smsrelay.cli.errors import InvalidInput, cli_errors
from smsrelay.contract.job import SendJob
from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.messages.record import Record
from smsrelay.store.records import Reading
from smsrelay_worker.local.demo_app import NAME, QUEUE, DemoApp
from smsrelay_worker.local.local_relay import LocalRelay, Ports
from smsrelay_worker.local.stack import Stack, StackFailed, free_port
from smsrelay_worker.messages.timeline import describe_timeline
from smsrelay_worker.policy.toml_file import packaged_source
from smsrelay_worker.settings import WorkerSettings
from smsrelay_worker.terminal import wide_console
from smsrelay_worker.wiring import Relay

_DEADLINE = 120.0  # seconds
_TOLD_WITHIN = 30.0  # seconds after the last message is final
_TAGS = {"order": "A-17"}
_POLL = 0.2
_COLUMNS = ("scenario", "message", "lane", "attempts", "codes", "state", "why", "")
_WIDE = 120  # characters in a line; narrower, some columns have to be folded
_PACKAGED_BACKOFF = "base_s = 120, factor = 3, cap_s = 3600"
_DEMO_BACKOFF = "base_s = 2, factor = 1, cap_s = 2"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One message of the demo: what the simulated vendor does, and what has to become of the message."""

    title: str
    lane: Lane
    submits: tuple[dict[str, Any], ...]
    state: State
    attempts: int
    codes: tuple[str, ...]


def _accepted(*codes: int) -> dict[str, Any]:
    reports = [{"code": code, "after": 0.3 * (place + 1)} for place, code in enumerate(codes)]
    return {"answer": "accept", "reports": reports}


SCENARIOS = (
    Scenario("200", Lane.OTP, (_accepted(200),), State.DELIVERED, 1, ("0000", "200")),
    Scenario("203, then 200", Lane.NOTICE, (_accepted(203, 200),), State.DELIVERED, 1, ("0000", "203", "200")),
    Scenario("503, then 200", Lane.OTP, (_accepted(503), _accepted(200)), State.DELIVERED, 2, ("0000", "503", "0000", "200")),
    Scenario(
        "210, then 200", Lane.MARKETING, (_accepted(210), _accepted(200)), State.DELIVERED, 2, ("0000", "210", "0000", "200")
    ),
    Scenario("504", Lane.NOTICE, (_accepted(504),), State.FAILED, 1, ("0000", "504")),
    Scenario("211", Lane.MARKETING, (_accepted(211),), State.FAILED, 1, ("0000", "211")),
    Scenario("vendor refuses", Lane.NOTICE, ({"answer": "vendor_code", "code": "i005"},), State.FAILED, 1, ("i005",)),
    Scenario(
        "throttled, then accepted",
        Lane.MARKETING,
        ({"answer": "throttled_429"}, _accepted(200)),
        State.DELIVERED,
        1,
        ("http_429", "0000", "200"),
    ),
    Scenario(
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
    """Show and check every interesting path of a message, with real processes."""
    with tempfile.TemporaryDirectory(prefix="smsrelay-demo-") as folder:
        data = Path(folder)
        local = LocalRelay(data, Ports(free_port(), free_port(), free_port(), free_port()))
        app = DemoApp()
        own = {name: value for name, value in os.environ.items() if not name.startswith("SMSRELAY_")}
        environment = local.environment(own) | {"SMSRELAY_POLICY": str(_policy(data)), "SMSRELAY_APPS": str(_apps(data, app))}
        os.environ.update(environment)
        console = wide_console()
        console.print("starting broker, simulator, receiver, worker and Flower …")
        try:
            # In another folder, so that no .env file applies: the demo must not use its spool, rate or templates.
            with contextlib.chdir(data), cli_errors(), Stack(local.parts(own), data, environment).running():
                relay = Relay.wire(WorkerSettings())
                with app.listening(environment["SMSRELAY_BROKER_URL"]):
                    readings = _play(relay, f"http://127.0.0.1:{local.ports.simulator}", console)
                    rows = _print(readings, relay, console)
                    right = _print_outcomes(app, console) and rows
        except StackFailed as error:
            raise InvalidInput(str(error)) from None
    console.print("all stopped; every row is as expected" if right else "all stopped; some things are not as expected")
    raise SystemExit(0 if right else 1)


def _policy(data: Path) -> Path:
    """The packaged policy, but with retries to a phone that is off after seconds instead of minutes."""
    source = packaged_source()
    if _PACKAGED_BACKOFF not in source:
        raise InvalidInput("the packaged policy's backoff for 210 is not the one that the demo shortens")
    path = data / "policy.toml"
    path.write_text(source.replace(_PACKAGED_BACKOFF, _DEMO_BACKOFF), encoding="utf-8")
    return path


def _apps(data: Path, app: DemoApp) -> Path:
    """The apps file with the demo's app."""
    path = data / "apps.toml"
    path.touch(mode=0o600)
    path.write_text(app.table, encoding="utf-8")
    return path


def _play(relay: Relay, simulator: str, console: Console) -> list[Reading | None]:
    ids = []
    with requests.Session() as session:
        session.trust_env = False
        for place, scenario in enumerate(SCENARIOS):
            to = f"+861390000{place:04d}"
            url = f"{simulator}/control/scripts/{to}"
            session.put(url, json={"submits": list(scenario.submits)}, timeout=5).raise_for_status()
            code = f"{secrets.randbelow(900000) + 100000}"
            job = SendJob(
                to=to, template="0000000", params=[code], lane=scenario.lane, app=NAME, reference=f"demo-{place}", tags=_TAGS
            )
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
    for scenario, reading in zip(SCENARIOS, readings, strict=True):
        record = reading.record if reading else None
        right = record is not None and _is_as_expected(scenario, record)
        verdicts.append(right)
        mark = Text("ok", style="green") if right else Text("WRONG", style="red")
        cells = _cells(record, relay) if record else ("", "", "", "lost", "")
        table.add_row(scenario.title, record.message_id[:8] if record else "", *cells, mark)
    console.print(table)
    return all(verdicts)


def _print_outcomes(app: DemoApp, console: Console) -> bool:
    """What the app was told: one event of each kind of sink. False if it was not told of each message, or anything else."""
    until = time.monotonic() + _TOLD_WITHIN
    failures = sum(scenario.state is State.FAILED for scenario in SCENARIOS)
    wanted = (len(SCENARIOS) - failures, failures)
    while not all(map(operator.ge, _told(app), wanted)) and time.monotonic() < until:
        time.sleep(_POLL)
    ways = (("by webhook, signature verified", app.by_webhook), (f"by Celery, in its queue {QUEUE}", app.by_celery))
    for how, events in ways:
        shown = json.dumps(events[0], ensure_ascii=False) if events else "nothing"
        console.print(f"\nthe app was told {how}: {len(events)} outcomes, such as", markup=False, highlight=False)
        console.print(shown, markup=False, highlight=False, soft_wrap=True)
    return _told(app) == wanted and not app.refused


def _told(app: DemoApp) -> tuple[int, int]:
    """Messages that it was told of by webhook and by Celery."""
    by_webhook, by_celery = ({event["data"]["id"] for event in events} for events in (app.by_webhook, app.by_celery))
    return len(by_webhook), len(by_celery)


def _table(narrow: bool) -> Table:
    """The empty table. ``narrow``: without lines between cells, and with long cells folded instead of cut off."""
    look: dict[str, Any] = {"box": None, "pad_edge": False, "padding": (0, 1, 0, 0), "leading": 1} if narrow else {}
    table = Table(title="what happened", **look)
    for title in _COLUMNS:
        folds = title == "why" or (narrow and title in {"scenario", "codes"})
        table.add_column(title, no_wrap=not folds, overflow="fold")
    return table


def _is_as_expected(scenario: Scenario, record: Record) -> bool:
    seen = Counter(line.code for line in record.timeline if line.code)
    return (record.state, record.attempt, seen) == (scenario.state, scenario.attempts, Counter(scenario.codes))


def _cells(record: Record, relay: Relay) -> tuple[str, str, str, str, str]:
    codes = " ".join(line.code for line in record.timeline if line.code)
    why = describe_timeline(record, relay.policy)[-1].text
    return record.lane.value, str(record.attempt), codes, record.state.value, why
