"""Places: everything an operator, or somebody who looks over his shoulder, can read of a relay. Each is a name and a text."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from celery import Celery
from redis.client import NEVER_DECODE

from smsrelay.store.connection import StoreRedis
from tests.acceptance.leaks.stage import Stage

Places = dict[str, str]

WORKERS = 2
_INSPECTED = ("active", "reserved", "scheduled", "revoked", "registered", "stats", "report", "conf", "active_queues")
_AS_BYTES: dict[str, Any] = {NEVER_DECODE: []}  # the index of numbers holds ids as bytes, which are no text
_READ: dict[str, Callable[[StoreRedis, str], Any]] = {
    "string": lambda redis, key: redis.get(key),
    "hash": lambda redis, key: redis.hgetall(key),
    "list": lambda redis, key: _texts(redis.execute_command("LRANGE", key, 0, -1, **_AS_BYTES)),
    "set": lambda redis, key: sorted(redis.smembers(key)),
    "zset": lambda redis, key: _texts(redis.execute_command("ZRANGE", key, 0, -1, **_AS_BYTES)),
    "stream": lambda redis, key: redis.xrange(key),
    "none": lambda _redis, _key: None,  # gone since it was listed
}
_NO_LOG = {"number-key", "callback-key", "flower-password", "apps.toml"}  # files of the desk, readable by their owner alone


def but(places: Places, beginnings: Iterable[str]) -> Places:
    """All whose names do not begin so."""
    return {place: text for place, text in places.items() if not place.startswith(tuple(beginnings))}


def only(places: Places, *beginnings: str) -> Places:
    """Those whose names begin so."""
    return {place: text for place, text in places.items() if place.startswith(beginnings)}


def logs(stage: Stage) -> Places:
    """Every file that the processes write for people, and the process manager's own."""
    files = [path for path in stage.desk.data.iterdir() if path.is_file() and path.name not in _NO_LOG]
    return {f"file {path.name}": path.read_text(encoding="utf-8", errors="replace") for path in files}


def process_list() -> Places:
    """The command lines of every process on the machine; empty where there is no /proc."""
    lines = [_command_line(process) for process in Path("/proc").glob("[0-9]*/cmdline")]
    return {"process list": "\n".join(lines)}


def inspected(stage: Stage, ids: Iterable[str] = ()) -> Places:
    """What the workers answer to remote control, arguments asked for by every name that Celery has for them."""
    with Celery(broker=stage.broker_url, set_as_current=False) as app:
        inspect = app.control.inspect(timeout=5.0, limit=WORKERS)
        found: dict[str, Any] = {f"inspect {name}": getattr(inspect, name)() for name in _INSPECTED}
        found["inspect active unsafe"] = inspect.active(safe=False)
        found["inspect query_task"] = inspect.query_task(list(ids))
    return {name: json.dumps(answer, default=str) for name, answer in found.items()}


def flower(stage: Stage) -> Places:
    """Flower's interface and pages: lists, and every task and worker it knows."""
    tasks = flower_tasks(stage)
    table = "/tasks/datatable?draw=1&start=0&length=1000&order[0][column]=0&order[0][dir]=asc&columns[0][data]=name"
    paths = [
        *("/", "/tasks", "/workers", "/broker", "/metrics", "/healthcheck", table),
        *("/api/task/types", "/api/queues/length"),
        *(path for task_id in json.loads(tasks) for path in (f"/task/{task_id}", f"/api/task/info/{task_id}")),
    ]
    return {**flower_workers(stage), "Flower /api/tasks": tasks, **{f"Flower {path}": _get(stage, path) for path in paths}}


def flower_workers(stage: Stage) -> Places:
    """What Flower shows of the workers, asked anew; much sooner read than a page for every task."""
    workers = _get(stage, "/api/workers?refresh=1")
    pages = {f"Flower /worker/{name}": _get(stage, f"/worker/{name}") for name in json.loads(workers)}
    return {"Flower /api/workers": workers, **pages}


def flower_tasks(stage: Stage) -> str:
    """Every task Flower knows, as JSON."""
    return _get(stage, "/api/tasks")


def store(redis: StoreRedis) -> Places:
    """Every key with all that it holds; a record's reference is a place of its own."""
    places: Places = {}
    for key in redis.scan_iter(count=1000):
        held = _held(redis, key)
        if isinstance(held, dict) and "ref" in held:
            places[f"reference of {key}"] = held.pop("ref")
        places[f"key {key}"] = json.dumps([key, held], default=str, ensure_ascii=False)
    return places


def without_references(place: str, documents: Iterable[Any]) -> Places:
    """JSON documents as one place, and the references in them, which are the app's own words, as another."""
    references: list[str] = []

    def rest(value: Any) -> Any:
        if isinstance(value, dict):
            references.extend(str(held) for name, held in value.items() if name == "reference")
            return {name: rest(held) for name, held in value.items() if name != "reference"}
        return [rest(one) for one in value] if isinstance(value, list) else value

    shown = json.dumps([rest(one) for one in documents], ensure_ascii=False)
    return {place: shown, f"reference of {place}": "\n".join(references)}


def _command_line(process: Path) -> str:
    try:
        return process.read_text(encoding="utf-8", errors="replace").replace("\0", " ")
    except OSError:
        return ""  # it has just ended


def _texts(entries: Iterable[bytes]) -> list[str]:
    return [entry.decode(errors="backslashreplace") for entry in entries]


def _held(redis: StoreRedis, key: str) -> Any:
    kind = redis.type(key)
    assert kind in _READ, f"{key} is of type {kind}, which nobody reads"
    return _READ[kind](redis, key)


def _get(stage: Stage, path: str) -> str:
    response = stage.flower.get(stage.flower_url + path, timeout=10)
    assert response.status_code in {200, 404}, f"{path}: {response.status_code}"  # 404: a task that Flower knows too little of
    return response.text
