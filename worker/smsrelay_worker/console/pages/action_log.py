"""Actions: who changed what, newest first."""

import re
from urllib.parse import urlencode

from starlette.responses import Response

from smsrelay_worker.console.page import Page, Visit
from smsrelay_worker.store.actions.action import ActionFilter, Via
from smsrelay_worker.store.actions.action_log import ActionLog

_PAGE = 50
_ENTRY = re.compile(r"[1-9]\d{0,15}-\d{1,12}a?", re.ASCII)
_MESSAGE = re.compile(r"message:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_ASKED = ("via", "who", "what", "target")


class Actions:
    """The page."""

    def __init__(self, log: ActionLog) -> None:
        self._log = log

    def pages(self) -> list[Page]:
        """What it answers."""
        return [Page("/actions", get=self._show)]

    def _show(self, visit: Visit) -> Response:
        asked = {name: visit.asked(name) for name in _ASKED}
        via = Via(asked["via"]) if asked["via"] in set(Via) else None
        wanted = ActionFilter(via=via, who=asked["who"], what=asked["what"], target=asked["target"])
        before = visit.asked("before") if _ENTRY.fullmatch(visit.asked("before")) else ""
        found = self._log.read(wanted, before=before, limit=_PAGE + 1)
        query = {name: value for name, value in asked.items() if value}
        following = {**query, "before": found[_PAGE - 1].entry_id} if len(found) > _PAGE else None
        return visit.page(
            "actions.html",
            here="actions",
            asked=asked,
            ways=tuple(Via),
            rows=[(one, _messages(one.target)) for one in found[:_PAGE]],
            first=f"/actions?{urlencode(query)}" if before else None,
            following=f"/actions?{urlencode(following)}" if following else None,
        )


def _messages(target: str) -> list[str]:
    """The ids of messages that a target names."""
    return _MESSAGE.findall(target)
