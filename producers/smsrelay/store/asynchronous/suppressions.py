"""AsyncSuppressions: the suppression lists, from an event loop. Raises ``StoreUnavailable``."""

from collections.abc import Sequence

from smsrelay.contract.suppression import Suppression
from smsrelay.store.asynchronous.store import AsyncStore
from smsrelay.store.suppressions import Suppressions, decoded, flags


class AsyncSuppressions:
    """For one event loop; numbers in E.164, instants on the loop's clock.

    ``suppressions`` only prepares commands; it opens no connection. ``store`` has loaded its ``scripts``.
    """

    def __init__(self, store: AsyncStore, suppressions: Suppressions) -> None:
        self._store = store
        self._suppressions = suppressions

    async def add(self, numbers: Sequence[str], name: str, source: str, until: float) -> list[bool]:
        """Put numbers on a list; True for each that was not there yet."""
        return flags(await self._store.execute_durably(self._suppressions.add_commands(numbers, name, source), until))

    async def remove(self, numbers: Sequence[str], name: str, until: float) -> list[bool]:
        """Take numbers off a list; True for each that was there."""
        return flags(await self._store.execute_durably(self._suppressions.remove_commands(numbers, name), until))

    async def of(self, number: str, lists: Sequence[str], until: float) -> list[Suppression]:
        """The entries of a number on these lists."""
        fields = self._suppressions.fields(number, lists)
        [values] = await self._store.execute([self._suppressions.read_command(fields)], until)
        return decoded(fields, values)
