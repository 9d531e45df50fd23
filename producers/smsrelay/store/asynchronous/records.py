"""AsyncRecords: reads messages' records and applies transitions to them, from an event loop; raises ``StoreUnavailable``."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smsrelay.messages.record import Record
from smsrelay.messages.transition import Transition
from smsrelay.store.apply import Applied, read_applied
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.records import Records


class AsyncRecords:
    """For one event loop. ``records`` only prepares transitions; it opens no connection. Instants are the loop's."""

    def __init__(self, store: AsyncStore, records: Records) -> None:
        self._store = store
        self._records = records

    async def read(self, message_id: str, until: float) -> Record | None:
        """One message; ``None`` if there is no such message."""
        return next(iter(await self.read_many([message_id], until)), None)

    async def read_many(self, message_ids: Sequence[str], until: float) -> list[Record]:
        """Those of several messages that exist, in one round trip."""
        if not message_ids:
            return []
        found = await self._store.execute(list(map(self._records.read_command, message_ids)), until)
        return [Record.decode(one, fields) for one, answer in zip(message_ids, found, strict=True) if (fields := _fields(answer))]

    async def change(self, message_id: str, decide: Callable[[Record], Transition | None], until: float) -> Record | None:
        """Decide on the current record, apply the transition durably, and return what the record is then.

        Reads and decides again if the record has changed meanwhile. ``None`` if there is no such message.
        """
        while (record := await self._read_durably(message_id, until)) is not None:
            transition = decide(record)
            if transition is None:
                return record
            [answer] = await self._store.execute_durably([self._records.apply_command(record, transition)], until)
            applied = read_applied(answer)
            if isinstance(applied, Applied):  # nothing but a begin is barred
                return transition.applied_to(record, applied.at, told=applied.told)
        return None

    async def _read_durably(self, message_id: str, until: float) -> Record | None:
        """One message, once enough replicas have what is read: a decision that nothing is to be done must not be lost either."""
        [answer] = await self._store.execute_durably([self._records.read_command(message_id)], until)
        return Record.decode(message_id, fields) if (fields := _fields(answer)) else None


def _fields(answer: Any) -> Mapping[str, str]:
    """Names and values by turns, or the mapping that a client of RESP3 makes of it."""
    return answer if isinstance(answer, Mapping) else dict(zip(answer[::2], answer[1::2], strict=True))
