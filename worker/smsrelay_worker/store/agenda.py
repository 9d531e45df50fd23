"""Agenda: reads what waits, page by page, so that a million waiting messages take no more memory than a page.

Reads alone. A message that moves on meanwhile may be missing, or come twice. Raises ``StoreUnavailable``.
"""

from collections.abc import Collection, Iterator, Mapping

from smsrelay.contract.state import State
from smsrelay.store.connection import StoreRedis
from smsrelay.store.matching import Matching
from smsrelay.store.script import Script

_PAGE = 500  # messages looked at in one step, which blocks the store for about a millisecond


class Agenda:
    """Ids of messages that wait for something."""

    def __init__(self, redis: StoreRedis) -> None:
        self._keys = redis.store_keys
        self._matching = Matching(redis)
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
        cursor = ""
        while True:
            ids, cursor = self.page(cursor, _PAGE, states, fields, held=held, campaign=campaign)
            yield ids
            if cursor == "":
                return

    def page(
        self,
        cursor: str,
        size: int,
        states: Collection[State],
        fields: Mapping[str, str],
        *,
        held: str | None = None,
        campaign: str | None = None,
    ) -> tuple[list[str], str]:
        """What matches among ``size`` messages from a cursor on (at first empty), and where the next page begins; empty: none."""
        source, kind = self._source(held, campaign)
        wanted = {"state": [state.value for state in states]} | {name: [value] for name, value in fields.items()}
        following, *ids = self._page.run([source], [cursor, size, kind])
        return self._matching.among([str(one) for one in ids], wanted), str(following)

    def _source(self, held: str | None, campaign: str | None) -> tuple[str, str]:
        """The key to read, and its type."""
        if held is not None:
            return self._keys.held(held), "set"
        return (self._keys.agenda, "zset") if campaign is None else (self._keys.campaign_ids(campaign), "list")
