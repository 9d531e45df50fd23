"""Suppressing: the recipients who want no more marketing from the key's app.

A key changes its own app's list. Lists of signatures and of everyone, which other apps depend on too, are the operator's.
"""

import asyncio
from dataclasses import dataclass

from smsrelay.contract.masked_number import masked_number
from smsrelay.contract.suppression import BY_API, app_list, lists_of_sender
from smsrelay.contract.template import Registry
from smsrelay.store.asynchronous.suppressions import AsyncSuppressions
from smsrelay_worker.api.action_notes import ActionNotes
from smsrelay_worker.api.exchange import Answer, Request, require_live
from smsrelay_worker.api.lookups import MAX_SMALL_BODY, instant, recipient
from smsrelay_worker.api.models import FoundSuppressions, SuppressionChange, SuppressionView


@dataclass(frozen=True, slots=True)
class Suppressing:
    """For one event loop. ``timeout``: seconds that a request waits for the store."""

    suppressions: AsyncSuppressions
    registry: Registry
    notes: ActionNotes
    timeout: float

    async def add(self, request: Request) -> Answer:
        """Put a number on the app's list; to do it again is harmless."""
        require_live(request)
        to = recipient(await request.json_object(MAX_SMALL_BODY))
        name = app_list(request.key.app)
        [added] = await self.suppressions.add([to], name, BY_API, self._until())
        await self._note(request, "suppress add", name, to, "added" if added else "was there before")
        return Answer(200, SuppressionChange(suppressed=True, changed=added).model_dump_json().encode())

    async def remove(self, request: Request) -> Answer:
        """Take a number off the app's list; to do it again is harmless."""
        require_live(request)
        to = recipient(await request.json_object(MAX_SMALL_BODY))
        name = app_list(request.key.app)
        [removed] = await self.suppressions.remove([to], name, self._until())
        await self._note(request, "suppress remove", name, to, "removed" if removed else "was not there")
        return Answer(200, SuppressionChange(suppressed=False, changed=removed).model_dump_json().encode())

    async def find(self, request: Request) -> Answer:
        """Every list with the number on it that the app's marketing must respect."""
        to = recipient(await request.json_object(MAX_SMALL_BODY))
        signatures = {template.signature for template in self.registry.values()}
        lists = {name for signature in (None, *signatures) for name in lists_of_sender(request.key.app, signature)}
        found = await self.suppressions.of(to, sorted(lists), self._until())
        views = tuple(SuppressionView(list=one.list, since=instant(one.since), source=one.source) for one in found)
        return Answer(200, FoundSuppressions(suppressions=views).model_dump_json().encode())

    async def _note(self, request: Request, what: str, name: str, to: str, result: str) -> None:
        target = f"list:{name} number:{masked_number(to)}"
        await self.notes.write(request.key, what, target, result, self._until())

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self.timeout
