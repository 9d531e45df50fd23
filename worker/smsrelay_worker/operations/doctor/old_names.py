"""Checks whether the store's database holds what earlier versions left there, under names that nothing reads any more.

Takes a client, reads alone, and looks at some thousands of names at most: an EXISTS of the old names would need a right to them.
"""

import re
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from smsrelay.settings import StoreSettings
from smsrelay.store.connection import StoreUnavailable, open_store, store_answers
from smsrelay_worker.operations.doctor.finding import Finding, error
from smsrelay_worker.operations.doctor.kind import Kind

_OLD = re.compile(r"sms:(agenda|place|events|limits|sinks|keys|suppressed|reports|(m|p|outbox|taken|campaign):.+)")
_MATCH, _STEP, _STEPS = "sms:*", 1000, 10
FOUND = error("store", Kind.OLD_NAMES)


def holds_old_names(redis: Redis) -> bool:
    """Whether a name of an earlier version was found; raises what the client raises."""
    cursor = 0
    for _ in range(_STEPS):
        page: Any = redis.scan(cursor, match=_MATCH, count=_STEP)
        cursor, names = page
        if any(_OLD.fullmatch(str(name)) for name in names):
            return True
        if cursor == 0:
            break
    return False


def examine_old_names(redis: Redis) -> list[Finding]:
    """An error, if there are such names."""
    return [FOUND] if holds_old_names(redis) else []


def old_names_in(settings: StoreSettings) -> str | None:
    """What to say to whoever starts a process on such a store; None also if the store does not answer, which may pass."""
    with open_store(settings.store, 1) as redis:
        try:
            with store_answers():
                return f"{FOUND.problem}; {FOUND.remedy}" if holds_old_names(redis) else None
        except (StoreUnavailable, ResponseError):
            return None
