"""Collects, for every message, what the app knows, what the store says and what the simulator did.

Takes what was sent, a store and a simulator; returns one ``Case`` per message, including messages that only the store or the
simulator knows. A submit's message and attempt are read from its callback URL.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from redis import Redis

from smsrelay.messages.record import Record
from smsrelay_simulator.records.records import CallbackRecord, SubmitRecord
from tests.chaos.load.load import Sent
from tests.support.simulator_client import Simulator
from tests.support.store_keys import KEYS

_PATH = re.compile(r"/callback/([^/]+)/(\d+)(?:-\d+)?/[^/]+$")
_NOT_EXECUTED = {"throttled", "halted"}
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Submit:
    """A submit as the simulator saw it, and which attempt it was."""

    attempt: int
    seen: SubmitRecord

    @property
    def executed(self) -> bool:
        """Whether the vendor processed it; a submit throttled by the gateway is not an attempt."""
        return self.seen.outcome not in _NOT_EXECUTED


@dataclass(frozen=True, slots=True)
class Case:
    """One message. Forged callbacks are left out: they are not reports."""

    message_id: str
    sent: Sent | None
    record: Record | None
    submits: tuple[Submit, ...]
    callbacks: tuple[tuple[int, CallbackRecord], ...]  # each with its attempt

    @property
    def owed(self) -> bool:
        """Whether the enqueue call returned; from then on the message must reach a final state."""
        return self.sent is not None and self.sent.accepted

    @property
    def told(self) -> set[tuple[int, str]]:
        """Attempt and code of every report that was answered 200."""
        return {(attempt, str(one.code)) for attempt, one in self.callbacks if one.http == 200}

    @property
    def tried(self) -> set[tuple[int, str]]:
        """Attempt and code of every report that left the simulator, answered or not."""
        return {(attempt, str(one.code)) for attempt, one in self.callbacks}


def gather(redis: Redis, simulator: Simulator, sent: Sequence[Sent]) -> list[Case]:
    """Everything known, one case per message."""
    submits, callbacks = defaultdict(list), defaultdict(list)
    for submit in simulator.submits():
        message_id, attempt = _attempt(submit.callback_url)
        submits[message_id].append(Submit(attempt, submit))
    for callback in simulator.callbacks():
        if not callback.forged:
            message_id, attempt = _attempt(callback.url)
            callbacks[message_id].append((attempt, callback))
    apps = {one.message_id: one for one in sent if one.message_id is not None}
    records = dict(_records(redis))
    ids = sorted(set(apps) | set(records) | set(submits))
    return [
        Case(one, apps.get(one), records.get(one), tuple(submits[one]), tuple(callbacks[one]))
        for one in ids
        if one in records or one in submits or apps[one].accepted
    ]


def _records(redis: Redis) -> Iterator[tuple[str, Record]]:
    prefix = KEYS.message("")
    for names in _chunks(redis.scan_iter(match=f"{prefix}*", count=_AT_ONCE)):
        with redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.hgetall(name)
            for name, fields in zip(names, pipeline.execute(), strict=True):
                message_id = name.removeprefix(prefix)
                yield message_id, Record.decode(message_id, fields)


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for name in set(names):
        chunk.append(name)
        if len(chunk) == _AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _attempt(url: str) -> tuple[str, int]:
    found = _PATH.search(url)
    return (found[1], int(found[2])) if found else ("", 0)
