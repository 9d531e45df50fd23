"""Deliveries: a message for every app of the apps file, whatever its endpoint does; what the apps are told, and the commands."""

import json
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from redis import Redis

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from tests.acceptance.leaks import apps_file
from tests.acceptance.leaks.places import Places, without_references
from tests.acceptance.leaks.play import Play
from tests.acceptance.leaks.stage import Stage
from tests.support.waiting import eventually

_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("webhook", "list"),
    ("webhook", "list", "--json"),
    ("webhook", "replay", "default", "--since", "1h"),
    ("webhook", "resume", "gone"),
    ("webhook", "resume", "lost"),
    ("webhook", "test", "nobody"),
    ("status",),
    ("status", "--json"),
    ("doctor",),
)


def every_end(play: Play) -> Places:
    """A message and a test for every app, delivered or tried; what commands say of it meanwhile."""
    failed = {"submits": [{"answer": "accept", "reports": [{"code": 504, "shape": "priced"}]}]}
    roles = {app: f"told to {app}" for app in apps_file.ENDS}
    for app, role in roles.items():
        person = play.cast.new(role)
        play.stage.simulator.script(person.to, failed)
        play.enqueue(person, Lane.NOTICE, app=app)
    for role in roles.values():
        play.ends(role, State.FAILED)
    with ThreadPoolExecutor(2) as pool:
        tests = dict(zip(roles, pool.map(lambda app: _smsrelay(play.stage, "webhook", "test", app), roles), strict=True))
        for app, end in apps_file.ENDS.items():
            assert end in tests[app], tests[app]
        said = dict(zip(_COMMANDS, pool.map(lambda command: _smsrelay(play.stage, *command), _COMMANDS), strict=True))
    return {
        "smsrelay metrics": requests.get(f"{play.stage.metrics_url}/metrics", timeout=30).text,
        **{f"smsrelay webhook test {app}": text for app, text in tests.items()},
        **{f"smsrelay {' '.join(command)}": text for command, text in said.items()},
    }


def told(stage: Stage) -> Places:
    """Everything that webhooks and the Celery app were told, without the app's own references."""
    heard = list(stage.webhooks.told)
    assert stage.webhooks.refused == [], "every webhook is signed"
    with Redis.from_url(apps_file.sink_broker(stage.desk.ports.broker), decode_responses=True) as sink:
        tasks: Any = sink.lrange(apps_file.QUEUE, 0, -1)
    return {
        **without_references("told webhooks: bodies", [one.event for one in heard]),
        "told webhooks: headers": "\n".join(str(one.headers) for one in heard),
        **without_references("told the Celery app", [part for task in tasks for part in _parts(json.loads(task))]),
    }


def all_told(play: Play) -> bool:
    """Whether the apps with good endpoints have heard of their messages."""
    ids = play.cast.message_ids
    places = told(play.stage)
    return ids["told to default"] in places["told webhooks: bodies"] and ids["told to shop"] in places["told the Celery app"]


def wait_for_all(play: Play) -> Places:
    """What has been told, once everything is."""
    eventually(lambda: all_told(play), "the apps are told")
    return told(play.stage)


def _parts(task: dict[str, Any]) -> Iterator[Any]:
    """A task as the broker holds it, and its body decoded."""
    yield json.loads(b64decode(task.pop("body")))
    yield task


def _smsrelay(stage: Stage, *arguments: str) -> str:
    return stage.run("-m", "smsrelay_worker", *arguments)
