"""Agenda: reads what waits, page by page, so that a million waiting messages take no more memory than a page.

Reads alone. A message that moves on meanwhile may be missing, or come twice. Raises ``StoreUnavailable``.
"""

import json
from collections.abc import Collection, Iterator, Mapping

from redis import Redis

from smsrelay.contract.state import State
from smsrelay.store import keys
from smsrelay.store.script import Script

_PAGE = 500  # messages looked at in one step, which blocks the store for about a millisecond


class Agenda:
    """Ids of messages that wait for something."""

    def __init__(self, redis: Redis) -> None:
        self._page = Script(redis, __name__, "agenda.lua", ("ids.lua",))

    def ids(
        self,
        states: Collection[State],
        fields: Mapping[str, str],
        *,
        held: str | None = None,
        campaign: str | None = None,
    ) -> Iterator[list[str]]:
        """Ids of the messages in one of the states whose records have these fields, page by page; pages may be empty.

        Those that become due first come first. With ``held``, only the messages that wait until this part of the traffic is
        resumed, in any order; with ``campaign`` (APP/NAME), only those of the campaign, in the order of their acceptance.
        """
        source, kind = _source(held, campaign)
        wanted = {"state": dict.fromkeys((state.value for state in states), True)}
        wanted |= {name: {value: True} for name, value in fields.items()}
        cursor = ""
        while True:
            cursor, *ids = self._page.run([source], [cursor, _PAGE, json.dumps(wanted), kind])
            yield [str(one) for one in ids]
            if cursor == "":
                return


def _source(held: str | None, campaign: str | None) -> tuple[str, str]:
    """The key to read, and its type."""
    if held is not None:
        return keys.held(held), "set"
    return (keys.AGENDA, "zset") if campaign is None else (keys.campaign_ids(campaign), "list")
