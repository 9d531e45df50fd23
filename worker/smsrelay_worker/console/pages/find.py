"""Find: a message by its id, the beginning of its id, or the app's reference; and the messages to a number.

What is looked for comes in a form, because a URL with a number would be kept in histories and logs. A message that is found alone
is shown at once; a list of those to a number is the answer itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from smsrelay.contract.job import DEFAULT_APP
from smsrelay.contract.message import referenced_id
from smsrelay.contract.rejection import Rejection
from smsrelay.lookup import MOST_FOUND, number_in_e164
from smsrelay.messages.record import Record
from smsrelay.store.numbers import NumberIndex
from smsrelay.store.records import Records
from smsrelay.store.walk import BEGINNING, AnotherServer, Place
from smsrelay_worker.apps.model import Apps
from smsrelay_worker.console.page import Page, Visit
from smsrelay_worker.operations.dead_letters import last_code
from smsrelay_worker.store.message_ids import MessageIds

_WHOLE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BEGINNING = re.compile(r"[0-9a-f][0-9a-f-]{5,35}")
_LONGEST = 200  # characters of what is looked for
_STEPS = 150  # of a thousand keys each, which the store looks through in about a fifth of a second
_MOST_BEGINNING = 20  # messages whose ids begin with the same characters


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. ``number``: the one whose messages these are; ``further``: where to look on for ids."""

    records: Sequence[Record]
    number: str | None = field(default=None, repr=False)
    further: Place | None = None


class Find:
    """``apps``: those whose references are tried where nobody names one."""

    def __init__(self, records: Records, numbers: NumberIndex, ids: MessageIds, apps: Apps) -> None:
        self._records = records
        self._numbers = numbers
        self._ids = ids
        self._apps = tuple(dict.fromkeys((DEFAULT_APP, *apps)))

    def pages(self) -> list[Page]:
        """What it answers."""
        return [Page("/find", get=self._form, post=self._find)]

    def _form(self, visit: Visit) -> Response:
        return self._page(visit, "", "", None)

    def _find(self, visit: Visit) -> Response:
        wanted, app = visit.field("wanted")[:_LONGEST], visit.field("app")[:_LONGEST]
        if not wanted:
            return self._page(visit, "", app, None)
        found = self._found(wanted, app, Place.decode(visit.field("further")))
        if len(found.records) == 1 and found.number is None and found.further is None:
            return visit.go(f"/message/{found.records[0].message_id}")
        return self._page(visit, wanted, app, found)

    def _found(self, wanted: str, app: str, place: Place | None) -> Found:
        if place is None:
            direct = self._by_name(wanted, app)
            number = None if direct else _number(wanted)
            if number is not None:
                most = self._numbers.records(self._records, number, lambda record: app in {"", record.app}, MOST_FOUND)
                return Found(most, number)
            if direct or not _BEGINNING.fullmatch(wanted.lower()):
                return Found(direct)
        try:
            ids, further = self._ids.some_beginning_with(wanted.lower(), place or BEGINNING, _STEPS)
        except AnotherServer:  # nothing was found so far, so nothing is lost by beginning anew
            return Found([], further=BEGINNING)
        return Found(self._read(sorted(ids)[:_MOST_BEGINNING]), further=None if ids else further)

    def _by_name(self, wanted: str, app: str) -> list[Record]:
        """The message of this id, and those to which an app gave this reference."""
        apps = (app,) if app else self._apps
        ids = [wanted.lower()] if _WHOLE_ID.fullmatch(wanted.lower()) else []
        return self._read([*ids, *(referenced_id(one, wanted, test=test) for one in apps for test in (False, True))])

    def _read(self, ids: Sequence[str]) -> list[Record]:
        return [one.record for one in self._records.read_many(ids) if one is not None]

    def _page(self, visit: Visit, wanted: str, app: str, found: Found | None) -> Response:
        rows = [(record, last_code(record)) for record in found.records] if found is not None else []
        return visit.page("find.html", here="find", wanted=wanted, app=app, found=found, rows=rows, most=MOST_FOUND)


def _number(wanted: str) -> str | None:
    """The number in E.164, if it is one."""
    try:
        return number_in_e164(wanted)
    except Rejection:
        return None
