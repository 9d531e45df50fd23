"""PublishedSinks: which sinks the workers know, for processes without the apps file, whose transitions are told as well.

Such a process is an app that cancels, or a command. Raises ``StoreUnavailable``.
"""

import json
from collections.abc import Mapping
from typing import Any

from smsrelay.contract.state import State
from smsrelay.messages.sinks import app_and_kind
from smsrelay.store.connection import StoreRedis, store_answers

_NONE = "{}"


class PublishedSinks:
    """The sinks of every app, as ``apply.lua`` reads them."""

    def __init__(self, redis: StoreRedis) -> None:
        self._redis, self._keys = redis, redis.store_keys

    def publish(self, sinks: Mapping[str, Mapping[State, str]]) -> None:
        """Replace what was published: by app, the sink of each state. An app that is gone stays, with no sink.

        Its name leads to outcomes that were left in its outboxes.
        """
        fields: dict[Any, Any] = {app: _encode(of_app) for app, of_app in sinks.items() if of_app}
        with store_answers():
            fields |= {app: _NONE for app in self._redis.hgetall(self._keys.sinks) if app not in fields}
            if fields:
                self._redis.hset(self._keys.sinks, mapping=fields)


def _encode(sinks: Mapping[State, str]) -> str:
    """By state, the kind of the sink."""
    kinds = {state.value: app_and_kind(sink)[1] for state, sink in sinks.items()}
    return json.dumps(kinds, sort_keys=True, separators=(",", ":"))
