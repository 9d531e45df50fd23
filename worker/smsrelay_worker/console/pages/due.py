"""Due: what waits, until when, and what for; a page of about fifty at a time, however many wait."""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response

from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.lanes import Lane
from smsrelay_worker.console.page import Page, Visit
from smsrelay_worker.operations.halted_parts import halted_text
from smsrelay_worker.operations.waiting import NOT_FINAL, WAITING, WaitingFilter, waiting_page
from smsrelay_worker.operations.wiring import Operations

_CURSOR = re.compile(r"(?:\d{1,16}(?:\.\d{1,17})?(?:e\+\d{2})?) \d{1,7}|\d{1,19}", re.ASCII)  # of agenda.lua
_FIELDS = {"lane": "lane", "template": "tpl", "app": "app"}  # of the form, and of a record
_ASKED = (*_FIELDS, "state", "campaign", "held")
_REASONS = {
    "a worker submits it": "submitting",
    "not before the time the app asked for": "not_before",
    "halted": "halted",
    "fuse": "fuse",
    "cap": "cap",
    "window": "window",
    "backoff": "backoff",
    "circuit": "circuit",
    "rate": "rate",
    "queue": "queue",
    "report": "report",
}
_TOLD = ("halted", "fuse", "cap", "window", "backoff")  # reasons of which the rest says more than their name


class Due:
    """The page."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def pages(self) -> list[Page]:
        """What it answers."""
        return [Page("/due", get=self._show)]

    def _show(self, visit: Visit) -> Response:
        operations = self._operations
        asked = {name: visit.asked(name) for name in _ASKED}
        cursor = visit.asked("after") if _CURSOR.fullmatch(visit.asked("after")) else ""
        found = waiting_page(operations.agenda, operations.records, _wanted(asked), cursor)
        return visit.page(
            "due.html",
            here="due",
            asked=asked,
            rows=[(one, *why(one.why)) for one in found.messages],
            lanes=tuple(Lane),
            states=NOT_FINAL,
            waiting={lane.value: operations.counts.waiting(lane) for lane in Lane},
            halted=[(part.part, halted_text(part)) for part in operations.halts.all()],
            first=_path(asked) if cursor else None,
            following=_path(asked, found.following) if found.following else None,
        )


def why(said: str) -> tuple[str, str]:
    """What a message waits for: the key of a text, and what it does not say, such as the rule's name."""
    kind, _, rest = said.partition(": ")
    key = _REASONS.get(kind, "backoff")
    return key, rest if key in _TOLD else ""


def _wanted(asked: Mapping[str, str]) -> WaitingFilter:
    campaign = asked["campaign"]
    if campaign and "/" not in campaign:
        campaign = f"{asked['app'] or DEFAULT_APP}/{campaign}"
    known = {state.value: state for state in NOT_FINAL}
    return WaitingFilter(
        states=(known[asked["state"]],) if asked["state"] in known else WAITING,
        fields={of: asked[name] for name, of in _FIELDS.items() if asked[name]},
        campaign=campaign or None,
        held=asked["held"] or None,
    )


def _path(asked: Mapping[str, str], after: str = "") -> str:
    query = {name: value for name, value in asked.items() if value} | ({"after": after} if after else {})
    return f"/due?{urlencode(query)}" if query else "/due"
