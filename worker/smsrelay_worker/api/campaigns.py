"""Campaigns of the key's app: how far each is; and pausing, resuming and cancelling one."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

from smsrelay.contract.job import APP_NAME
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.messages.progress import CampaignProgress
from smsrelay.store.asynchronous.campaigns import AsyncCampaigns
from smsrelay.store.traffic.halts import Effect, campaign_part
from smsrelay_worker.api.action_notes import ActionNotes
from smsrelay_worker.api.exchange import Answer, Refused, Request, require_live
from smsrelay_worker.api.models import MOST_CAMPAIGNS, CampaignList, CampaignView
from smsrelay_worker.api.problem_code import ProblemCode

_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_REFUSED = {Effect.NO_SUCH_CAMPAIGN: ProblemCode.NOT_FOUND, Effect.CANCELLED: ProblemCode.ALREADY_CANCELLED}


@dataclass(frozen=True, slots=True)
class CampaignControl:
    """For one event loop. ``timeout``: seconds that a request waits for the store."""

    campaigns: AsyncCampaigns
    notes: ActionNotes
    timeout: float

    async def page(self, request: Request) -> Answer:
        """The app's campaigns, the one that accepted a message last first."""
        limit, skip = _page(request.query)
        found = await self.campaigns.page(self._until(), app=request.key.app, skip=skip, limit=limit)
        return Answer(200, CampaignList(campaigns=tuple(map(campaign_view, found))).model_dump_json().encode())

    async def show(self, request: Request) -> Answer:
        """One campaign."""
        return await self._shown(_full_name(request))

    async def pause(self, request: Request) -> Answer:
        """Begin no further attempt; to do it again is harmless."""
        return await self._changed(request, "pause", self.campaigns.pause)

    async def resume(self, request: Request) -> Answer:
        """End a pause; to do it again is harmless."""
        return await self._changed(request, "resume", self.campaigns.resume)

    async def cancel(self, request: Request) -> Answer:
        """Cancel all that is not begun; to do it again is harmless."""
        return await self._changed(request, "cancel", self.campaigns.cancel)

    async def _changed(self, request: Request, verb: str, change: Callable[[str, float], Awaitable[Effect]]) -> Answer:
        require_live(request)
        name = _full_name(request)
        effect = await change(name, self._until())
        if effect in _REFUSED:
            raise Refused(_REFUSED[effect])
        result = "done" if effect is Effect.DONE else "was so before"
        await self.notes.write(request.key, f"campaign {verb}", campaign_part(name), result, self._until())
        return await self._shown(name)

    async def _shown(self, name: str) -> Answer:
        found = await self.campaigns.progress(name, self._until())
        if found is None:
            raise Refused(ProblemCode.NOT_FOUND)
        return Answer(200, campaign_view(found).model_dump_json().encode())

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self.timeout


def campaign_view(found: CampaignProgress) -> CampaignView:
    """A campaign as its app sees it."""
    fields = {name: getattr(found, name) for name in CampaignView.model_fields}
    return CampaignView(**(fields | {"failed_by": dict(found.failed_by)}))


def _full_name(request: Request) -> str:
    """The campaign that the path names, among those of all apps; raises ``Refused``."""
    if not re.fullmatch(APP_NAME, request.named):
        raise Refused(ProblemCode.NOT_FOUND)
    return f"{request.key.app}/{request.named}"


def _page(query: bytes) -> tuple[int, int]:
    """How many campaigns, and after how many; raises ``Refused``."""
    given = {"limit": str(MOST_CAMPAIGNS), "skip": "0"}
    problems = []
    try:
        fields = parse_qs(query.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        fields = {"limit": [], "skip": []}
    for name, least, most in (("limit", 1, MOST_CAMPAIGNS), ("skip", 0, 10**9)):
        values = fields.get(name, [given[name]])
        if len(values) != 1 or not _NUMBER.fullmatch(values[0]) or not least <= int(values[0]) <= most:
            problems.append(Problem(name, f"give it once, as a whole number from {least} to {most}", "range"))
        else:
            given[name] = values[0]
    if problems:
        raise Refused.invalid(Rejection(problems))
    return int(given["limit"]), int(given["skip"])
