"""Campaigns: how far each is; and pausing, resuming and cancelling one."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response

from smsrelay.messages.progress import CampaignProgress, CampaignState
from smsrelay.store.traffic.campaigns import PAGE
from smsrelay.store.traffic.halts import Effect, campaign_part
from smsrelay_worker.console.chart import Bar, bars
from smsrelay_worker.console.page import Page, Refused, Visit
from smsrelay_worker.console.recorder import ActionRecorder
from smsrelay_worker.operations.wiring import Operations

_CAME_OF_IT = {Effect.DONE: "done", Effect.UNCHANGED: "was so before", Effect.CANCELLED: "it was cancelled"}
_SKIP = re.compile(r"\d{1,7}", re.ASCII)


class Campaigns:
    """The list, and one page for each campaign."""

    def __init__(self, operations: Operations, recorder: ActionRecorder) -> None:
        self._operations = operations
        self._recorder = recorder
        campaigns = operations.campaigns
        self._changes = {"pause": campaigns.pause, "resume": campaigns.resume, "cancel": campaigns.cancel}

    def pages(self) -> list[Page]:
        """What they answer."""
        return [
            Page("/campaigns", get=self._list),
            Page("/campaigns/{app}/{name}", get=self._show, post=self._change, changes=True),
        ]

    def _list(self, visit: Visit) -> Response:
        skip = int(visit.asked("skip")) if _SKIP.fullmatch(visit.asked("skip")) else 0
        names = self._operations.campaigns.names(skip=skip, limit=PAGE)
        found = self._operations.campaigns.progress(names)
        return visit.page(
            "campaigns.html",
            here="campaigns",
            rows=[(one, path_of(one), parts(one)) for one in found],
            first="/campaigns" if skip else None,
            following=f"/campaigns?skip={skip + PAGE}" if len(names) == PAGE else None,
        )

    def _show(self, visit: Visit) -> Response:
        found = self._operations.campaigns.progress([_full_name(visit)])
        if not found:
            raise Refused(404, "no_campaign")
        one = found[0]
        return visit.page(
            "campaign.html",
            here="campaigns",
            campaign=one,
            path_of_campaign=path_of(one),
            parts=parts(one),
            paused=one.state is CampaignState.PAUSED,
            ended=one.state is CampaignState.CANCELLED,
            failed=sorted(one.failed_by.items(), key=lambda pair: -pair[1]),
        )

    def _change(self, visit: Visit) -> Response:
        name, verb = _full_name(visit), visit.field("do")
        if verb not in self._changes:
            raise Refused(400, "form")
        with self._recorder.recorded(visit, f"campaign {verb}", campaign_part(name)) as action:
            effect = self._changes[verb](name)
            if effect is Effect.NO_SUCH_CAMPAIGN:
                raise Refused(404, "no_campaign")
            action.result = _CAME_OF_IT[effect]
        done = effect is not Effect.CANCELLED
        said = f"campaigns.done_{verb}" if done else "campaigns.was_cancelled"
        return visit.done(visit.request.url.path, said, good=done, name=name.partition("/")[2])


def parts(one: CampaignProgress) -> list[Bar]:
    """Where its messages are, side by side."""
    counts: Mapping[str, int] = {
        "delivered": one.delivered,
        "failed": one.failed,
        "unknown": one.unknown,
        "expired": one.expired,
        "cancelled": one.cancelled,
        "submitted": one.under_way,
        "free": one.waiting,
    }
    return bars(counts)


def path_of(one: CampaignProgress) -> str:
    """Where a campaign's own page is."""
    return f"/campaigns/{quote(one.app, safe='')}/{quote(one.name, safe='')}"


def _full_name(visit: Visit) -> str:
    return f"{visit.named('app')}/{visit.named('name')}"
