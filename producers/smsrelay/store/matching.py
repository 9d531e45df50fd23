"""Matching: which of some messages have certain fields. Reads alone; raises ``StoreUnavailable``."""

import json
from collections.abc import Mapping, Sequence

from smsrelay.store.connection import StoreRedis
from smsrelay.store.script import Script


class Matching:
    """Messages whose records have one of the values named for each field; safe to share between threads."""

    def __init__(self, redis: StoreRedis) -> None:
        self._keys = redis.store_keys
        self._match = Script(redis, __name__, "matching.lua")

    def among(self, message_ids: Sequence[str], fields: Mapping[str, Sequence[str]]) -> list[str]:
        """Those of the messages that match, in their order; for each field, the values that do. A few hundred at most."""
        if not message_ids:
            return []
        wanted = {name: dict.fromkeys(values, True) for name, values in fields.items()}
        places = self._match.run(list(map(self._keys.message, message_ids)), [json.dumps(wanted)])
        return [message_ids[int(place)] for place in places]
