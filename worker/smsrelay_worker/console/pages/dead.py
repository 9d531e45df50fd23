"""Dead: messages that failed or ended unknown, page by page, by filter; a dry run of their replay, and the replay.

The filter stands in the URL: nothing in it is personal. What is replayed is what a dry run has shown, by ids and attempts,
so that a form that comes twice does not also replay what the first one came to.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from smsrelay.contract.lanes import Lane
from smsrelay.contract.state import State
from smsrelay.store.records import Reading, Records
from smsrelay_worker.console.page import Page, Refused, Visit
from smsrelay_worker.console.pages.message import ATTEMPT
from smsrelay_worker.console.recorder import ActionRecorder
from smsrelay_worker.messages.timeline import describe_timeline
from smsrelay_worker.operations.dead_letters import (
    DeadLetters,
    Filter,
    dead_letter_page,
    dead_letters,
    last_code,
    obstacle_to_replay,
)
from smsrelay_worker.policy.model import Policy
from smsrelay_worker.store.actions.action import message_targets
from smsrelay_worker.store.dead_letters import DeadLetterIndex, Place

_FIELDS = ("state", "lane", "code", "app", "template", "hours")
_STATES = (State.FAILED, State.UNKNOWN, State.EXPIRED)
_TOGETHER = 500  # messages that one form replays
_LONGEST = 100  # characters of a value
_ID = re.compile(r"[\w-]{1,64}")
_MOST_HOURS = 1_000_000.0
_REPLAYED = "queued"  # what the operation says begins so, when it was done


@dataclass(frozen=True, slots=True)
class Row:
    """One dead letter as the table shows it. ``obstacle``: why it cannot be replayed."""

    reading: Reading
    code: str | None
    at: int
    why: str
    obstacle: str | None


class Dead:
    """``records`` open payloads, without which it cannot be said what can be replayed."""

    def __init__(
        self, index: DeadLetterIndex, records: Records, letters: DeadLetters, policy: Policy, recorder: ActionRecorder
    ) -> None:
        self._index = index
        self._records = records
        self._letters = letters
        self._policy = policy
        self._recorder = recorder

    def pages(self) -> list[Page]:
        """What it answers."""
        return [
            Page("/dead", get=self._show),
            Page("/dead/dry-run", post=self._dry_run),
            Page("/dead/replay", post=self._replay, changes=True),
        ]

    def _show(self, visit: Visit) -> Response:
        chosen = {name: visit.asked(name)[:_LONGEST] for name in _FIELDS}
        wanted = self._filter(chosen)
        page = dead_letter_page(self._index, self._records, wanted, Place.decode(visit.asked("behind")))
        query = {name: value for name, value in chosen.items() if value}
        return visit.page(
            "dead.html",
            here="dead",
            chosen=chosen,
            query=query,
            states=_STATES,
            lanes=tuple(Lane),
            rows=[self._row(reading) for reading in page.found],
            looked_at=page.looked_at,
            total=self._index.count(),
            expired=self._index.count(expired=True),
            next=_path(query | {"behind": page.behind.encode()}) if page.behind is not None else None,
            first=_path(query) if visit.asked("behind") else None,
            together=_TOGETHER,
        )

    def _dry_run(self, visit: Visit) -> Response:
        if visit.field("all"):
            wanted = self._filter({name: visit.field(name)[:_LONGEST] for name in _FIELDS})
            ids = [reading.record.message_id for reading, _ in zip(self._matching(wanted), range(_TOGETHER), strict=False)]
        else:
            ids = list(_ids(visit))
        possible, obstacles = list[tuple[str, int]](), Counter[str]()
        for one in ids:
            reading = self._records.read(one)
            obstacle = obstacle_to_replay(reading)
            if reading is not None and obstacle is None:
                possible.append((one, reading.record.attempt))
            else:
                obstacles[obstacle or ""] += 1
        query = {name: visit.field(name) for name in _FIELDS if visit.field(name)}
        return visit.page(
            "dead_dry_run.html",
            here="dead",
            path=_path(query),
            possible=possible,
            obstacles=obstacles.most_common(),
            limited=len(ids) == _TOGETHER,
            query=query,
        )

    def _replay(self, visit: Visit) -> Response:
        results, ids, attempts = dict[str, str](), _ids(visit), visit.fields("attempt")
        if len(attempts) != len(ids) or not all(ATTEMPT.fullmatch(one) for one in attempts):
            raise Refused(400, "form")
        with self._recorder.recorded(visit, "dead replay", message_targets(ids), many=len(ids) > 1) as action:
            for one, attempt in zip(ids, attempts, strict=True):
                results[one] = self._letters.replay(one, seen_attempt=int(attempt))
                action.progress = action.result = f"{_done(results)} of {len(ids)} replayed"
        query = {name: visit.field(name) for name in _FIELDS if visit.field(name)}
        return visit.page("dead_replayed.html", here="dead", path=_path(query), results=results, done=_done(results), query=query)

    def _matching(self, wanted: Filter) -> Iterator[Reading]:
        return dead_letters(self._index, self._records, wanted)

    def _row(self, found: Reading) -> Row:
        reading = self._records.read(found.record.message_id) or found  # with its payload
        line = describe_timeline(reading.record, self._policy)[-1]
        return Row(reading, last_code(reading.record), line.at, line.text, obstacle_to_replay(reading))

    def _filter(self, chosen: Mapping[str, str]) -> Filter:
        """What is wanted; raises ``Refused``."""
        try:
            hours = _hours(chosen["hours"])
            state = State(chosen["state"]) if chosen["state"] else None
            lane = Lane(chosen["lane"]) if chosen["lane"] else None
        except ValueError:
            refused = Refused(400, "filter")
        else:
            since = 0 if hours is None else self._index.now() - int(hours * 3_600_000)
            code, app, template = (chosen[name] or None for name in ("code", "app", "template"))
            return Filter(since, state, lane, code, app, template)
        raise refused


def _hours(text: str) -> float | None:
    """A number of hours; None for none. Raises ``ValueError``."""
    hours = float(text) if text else None
    if hours is not None and not 0 < hours <= _MOST_HOURS:
        raise ValueError("hours")
    return hours


def _ids(visit: Visit) -> Sequence[str]:
    """The ids that a form names; raises ``Refused``."""
    ids = list(dict.fromkeys(visit.fields("id")))
    if not ids or len(ids) > _TOGETHER or not all(_ID.fullmatch(one) for one in ids):
        raise Refused(400, "nothing_chosen")
    return ids


def _done(results: Mapping[str, str]) -> int:
    return sum(said.startswith(_REPLAYED) for said in results.values())


def _path(query: Mapping[str, str]) -> str:
    return f"/dead?{urlencode(query)}" if query else "/dead"
