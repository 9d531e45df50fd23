"""AsyncNumberIndex: which messages a number has, from an event loop; raises ``StoreUnavailable``."""

from collections.abc import Callable

from smsrelay.messages.record import Record
from smsrelay.store.asynchronous.records import AsyncRecords
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.numbers import NumberIndex, following, newest_first


class AsyncNumberIndex:
    """For one event loop. ``index`` only prepares commands and reads answers; it opens no connection. Instants are the loop's."""

    def __init__(self, store: AsyncStore, index: NumberIndex, records: AsyncRecords) -> None:
        self._store = store
        self._index = index
        self._records = records

    async def records(self, number: str, wanted: Callable[[Record], bool], most: int, until: float) -> list[Record]:
        """The messages of a number (E.164) that are ``wanted``, the newest first; looks no further once it has ``most``."""
        found: dict[str, Record] = {}
        pages = self._index.first_pages(number)
        while pages and len(found) < most:
            ids, pages = following(pages, await self._store.execute(self._index.commands(pages), until))
            records = await self._records.read_many(ids, until)
            found |= {one.message_id: one for one in records if wanted(one)}
        return newest_first(found.values(), most)
