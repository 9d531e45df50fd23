"""docs/outcomes.md: its apps file is valid, its event is one of ours, and its recipes take what we deliver."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from smsrelay.contract.state import State
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.apps.toml_file import parse_apps
from smsrelay_worker.local.stack import free_port
from smsrelay_worker.messages.outcome import Outcome
from smsrelay_worker.outcomes import schedule
from smsrelay_worker.outcomes.event import Event
from smsrelay_worker.outcomes.webhook import CONNECTIONS, Webhook
from smsrelay_worker.outcomes.wording import Wording
from tests.support.pages import blocks, text_of
from tests.support.records import NOW, POLICY, queued
from tests.support.waiting import eventually

PAGE = "docs/outcomes.md"
[EVENT] = blocks(PAGE, "json")
[RECIPE, TASK] = blocks(PAGE, "python")


@pytest.fixture
def apps() -> Apps:
    [file, *_] = blocks(PAGE, "toml")
    return parse_apps(file, "apps.toml")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The recipe's app, served, and what it prints."""
    (tmp_path / "api.py").write_text(RECIPE, "utf-8")
    port, printed = free_port(), tmp_path / "printed"
    command = [sys.executable, "-u", "-m", "uvicorn", "--log-level", "warning", "--port", str(port), "api:app"]
    with printed.open("wb") as output, subprocess.Popen(command, cwd=tmp_path, stdout=output) as server:
        try:
            eventually(lambda: _answers(f"http://127.0.0.1:{port}/openapi.json"), "the app answers")
            yield f"http://127.0.0.1:{port}/hooks/sms", printed
        finally:
            server.terminate()


def test_the_event_of_the_page_is_one_of_ours() -> None:
    shown = json.loads(EVENT)
    data = shown["data"]
    record = replace(queued(), message_id=data["id"], app="shop", reference=data["reference"], tags=data["tags"])
    outcome = Outcome(data["id"], data["revision"], State.FAILED, 4, "503", "status.503 used up", 1_795_867_212_345)
    assert Event.of(record, outcome, Wording(POLICY)).content == shown


def test_the_page_explains_every_field() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", text_of(PAGE).partition("## What you get")[2].partition("## Verify")[0], re.MULTILINE)
    explained = set(re.findall(r"`(\w+)`", " ".join(rows)))
    shown = json.loads(EVENT)
    assert {*shown, *shown["data"]} - {"data", "app", "lane", "template"} == explained


def test_the_recipe_takes_our_webhook_and_refuses_a_foreign_one(apps: Apps, api: tuple[str, Path]) -> None:
    url, printed = api
    hook = apps["shop"].webhook
    assert hook is not None
    [answer] = Webhook(url, hook.secrets, private=True).deliver([Event.trial("shop", NOW, "0a1b")])
    assert answer.status == "200"
    assert printed.read_text("utf-8") == "message.test None\n"
    [answer] = Webhook(url, [b"x" * 24], private=True).deliver([Event.trial("shop", NOW, "0a1b")])
    assert answer.status == "401"


def test_the_task_of_the_page_is_the_one_that_its_apps_file_names(apps: Apps) -> None:
    sink = apps["crm"].celery
    assert sink is not None
    assert f'name="{sink.task}"' in TASK
    assert f'Queue("{sink.queue}")' in TASK
    compile(TASK, PAGE, "exec")


def test_the_page_names_the_numbers_that_hold() -> None:
    page = " ".join(text_of(PAGE).split())
    hours = " and ".join([", ".join(f"{delay / 3600:g} h" for delay in schedule.WEBHOOK.delays[3:-1]), "20 h"])
    assert f"5 s, 5 min, 30 min, {hours}, then every 20 h" in page
    assert schedule.CELERY.delays == (1, 5, 30, 60)
    assert f"at most {CONNECTIONS} connections, of each sink at most {Webhook.claims} outcomes" in page


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
