"""Bytes of Redis memory per message, while it waits and once it is final; with a sink, also until it has taken the outcome."""

import base64
import contextlib
import http.client
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from smsrelay.contract.callback_token import CallbackToken
from tests.bench.figures import median
from tests.bench.ground import Conditions, Ground, a_ground
from tests.bench.processes import PartFailed
from tests.bench.result import Figure, Target
from tests.bench.sides import CALLBACK_KEYS, RelaySide, workers

_SAMPLE = 200  # keys of each kind whose MEMORY USAGE is asked
_PATIENCE = 300.0  # seconds until every message is final
_CALLERS = 16  # connections of the vendor that calls back
_KINDS = ("{sms}:m:*", "{sms}:p:*", "{sms}:x:*")
_INDEX = "{sms}:n:*"  # of numbers; each key holds many messages
_STEADY, _NOISE = 4, 4096  # looks in a row that differ by less than so many bytes
_APP = "bench"  # of the messages that a side enqueues
# A webhook at which nobody answers: every outcome stays in the outbox.
_APPS = f"""[{_APP}.webhook]
url = "http://127.0.0.1:9/"
private = true
secrets = ["whsec_{base64.b64encode(bytes(range(32))).decode()}"]
"""


def measure(conditions: Conditions) -> list[Figure]:
    """Differences of ``used_memory`` over many messages, with no worker connected; enqueued in bulk, without reference."""
    waiting, final, _ = ([one] for one in held(conditions))
    with_sink, told, taken = ([one] for one in held(conditions, _APPS))
    return [
        Figure(
            "held per waiting message",
            "B",
            [run["all"] for run in waiting],
            target=Target("value", most=1024),
            note=_keys(waiting),
        ),
        Figure(
            "held per final message",
            "B",
            [run["all"] for run in final],
            target=None if conditions.quick else Target("value", most=450),
            note=f"{_keys(final)}; with {_few(conditions):,} messages",
        ),
        Figure("held per waiting message, with a sink", "B", [run["all"] for run in with_sink]),
        Figure("held per final message, outcome not taken yet", "B", [run["all"] for run in told], note=_keys(told)),
        Figure("held per final message, outcome taken", "B", [run["all"] for run in taken], note=_keys(taken)),
    ]


def held(
    conditions: Conditions, apps: str = "", side: RelaySide | None = None
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """What is held while all wait, once all are final, and once a sink has taken every outcome; ``apps``: the apps file."""
    count = _few(conditions)
    with a_ground(conditions, latency=0.0) as ground:
        side = replace(side or RelaySide(), apps=_written(ground, apps))
        ground.redis.config_set("latency-tracking", "no")  # its histogram takes 40 KB for every command used at least once
        side.fill(ground, "bulk", 1, offset=10_000_000)  # fixed memory, independent of the number of messages
        before = _used(ground)
        side.fill(ground, "bulk", count)
        waiting = _held(ground, before, count)
        [worker] = workers(side, ground, [])
        _until(lambda: ground.vendor.arrived() > count, "every message submitted")
        _call_back(ground, side.receiver(ground))
        _until(lambda: not any(ground.redis.exists(key) for key in ("{sms}:reports", "{sms}:agenda")), "every message final")
        worker.stop(20)
        final, outbox = _held(ground, before, count), f"{{sms}}:outcomes:{_APP}.webhook"
        if apps and ground.redis.zcard(outbox) < count:
            raise PartFailed("not every message was told to the sink")
        ground.redis.delete(outbox)
        return waiting, final, _held(ground, before, count)


def _few(conditions: Conditions) -> int:
    """How many messages: with few, the index of numbers has much room left in each of its keys, which a relay at work has not."""
    return 2_000 if conditions.quick else 50_000


def _written(ground: Ground, apps: str) -> Path | None:
    """The apps file, if there is one."""
    if not apps:
        return None
    file = ground.folder / "apps.toml"
    file.write_text(apps, "utf-8")
    return file


def _call_back(ground: Ground, port: int) -> None:
    """One report on each submit, as the vendor sends it."""
    ids = [key.removeprefix("{sms}:m:") for key in ground.redis.scan_iter("{sms}:m:*", count=1000)]
    submits = [(one, str(ground.redis.hget(f"{{sms}}:m:{one}", "ext"))) for one in ids]
    with ThreadPoolExecutor(_CALLERS) as callers:
        list(callers.map(lambda place: _report(port, submits[place::_CALLERS]), range(_CALLERS)))


def _report(port: int, submits: Sequence[tuple[str, str]]) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for message_id, external_id in submits:
            report = {
                "external_id": external_id,
                "status": {"updated_on": time.time_ns() // 10**6, "code": 200},
            }
            connection.request("POST", CallbackToken(message_id, 1).path(CALLBACK_KEYS), json.dumps(report))
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise PartFailed(f"the receiver answered a report with {answer.status}")


def _held(ground: Ground, before: int, count: int) -> dict[str, float]:
    """Bytes a message, but for the stream of events: it is capped, so it does not grow with the messages."""
    found: dict[str, float] = {"all": (_used(ground) - before) / count}
    for kind in _KINDS:
        keys = [key for key, _ in zip(ground.redis.scan_iter(kind, count=1000), range(_SAMPLE), strict=False)]
        if keys:
            found[kind] = median([int(ground.redis.memory_usage(key, samples=0)) for key in keys])
    index = [int(ground.redis.memory_usage(key, samples=0)) for key in ground.redis.scan_iter(_INDEX, count=1000)]
    return found | {_INDEX: sum(index) / count}


def _used(ground: Ground) -> int:
    """Bytes in use, once the buffers of clients that have just disconnected are gone and it stands still."""
    seen: list[int] = []

    def steady() -> bool:
        seen.append(int(ground.redis.info("memory")["used_memory"]))
        return len(seen) >= _STEADY and max(seen[-_STEADY:]) - min(seen[-_STEADY:]) < _NOISE

    _until(steady, "the memory in use stands still")
    return seen[-1] - int(ground.redis.memory_usage("{sms}:events", samples=0) or 0)


def _until(holds: Callable[[], object], what: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise PartFailed(f"within {_PATIENCE:g} s it never happened: {what}")
        time.sleep(0.2)


def _keys(runs: Sequence[dict[str, float]]) -> str:
    """MEMORY USAGE of one key of each kind, and what the index of numbers takes a message."""
    kinds = [kind for kind in (*_KINDS, _INDEX) if kind in runs[0]]
    return "MEMORY USAGE: " + ", ".join(f"{kind} {median([run[kind] for run in runs]):.0f}" for kind in kinds)
