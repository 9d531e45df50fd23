"""Submits and callbacks in order, kept compact because benchmarks record millions."""

import re
import secrets
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from smsrelay_simulator.outcome import ACCEPTED
from smsrelay_simulator.records.busiest_second import busiest_second
from smsrelay_simulator.value_list import values

_FIELD = "\x1f"
_EXTERNAL_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class SubmitRecord:
    """One submit as the vendor saw it. ``at``: epoch seconds of its arrival. ``answer``: what the step answered."""

    order: int
    at: float
    operation: str
    recipient: str
    template: str
    parameters: tuple[str, ...]
    callback_url: str
    nonce: str
    answer: str
    outcome: str
    external_id: str  # empty unless accepted


@dataclass(frozen=True, slots=True)
class CallbackRecord:
    """One try of one callback. ``at``: epoch seconds. ``http``: the status received, 0 when there was none."""

    order: int
    at: float
    submit: int  # ``order`` of its submit
    recipient: str
    external_id: str
    url: str
    code: int | str
    attempt: int
    http: int
    forged: bool


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since start or the last reset. ``busiest_second``: the most submits in any sliding second."""

    submits: int
    outcomes: dict[str, int]
    busiest_second: int
    first_at: float | None
    last_at: float | None
    callbacks: int
    callbacks_answered: dict[str, int]  # by HTTP status; "0": no answer
    reports_pending: int
    pulls: int


class Sent(NamedTuple):
    """One try of a callback. ``http`` 0: no answer; ``url`` None: the submit's own."""

    attempt: int
    http: int
    url: str | None  # of a forged one


class Records:
    """Rows of submits and callbacks. An external id contains the number of its row, so there is no index."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Drop everything. External ids issued before are unknown from now on."""
        self._run = secrets.token_hex(10)
        self._submits: list[tuple[float, str, bytes, str, str]] = []
        self._statuses: list[int | str | None] = []
        self._status_times = array("d")
        self._callbacks: list[tuple[float, int, int | str, int, int, str | None]] = []
        self.pulls = 0

    def add_submit(  # one positional row: this is the hot path
        self, at: float, operation: str, texts: tuple[str, str, str, str, str], answer: str, outcome: str
    ) -> int:
        """Record a submit and return its order. ``texts``: recipient, template, parameters, callback URL, nonce."""
        self._submits.append((at, operation, _packed(texts), answer, outcome))
        self._statuses.append(None)
        self._status_times.append(0.0)
        return len(self._submits) - 1

    def add_status(self, external_id: str, code: int | str, at: float) -> None:
        """Record the carrier's status of a submit, whether or not a callback reports it."""
        if (order := self._order(external_id)) is not None:
            self._statuses[order] = code
            self._status_times[order] = at

    def add_callback(self, at: float, external_id: str, code: int | str, sent: Sent) -> None:
        """Record a try of a callback, unless its submit was recorded before the last reset."""
        if (order := self._order(external_id)) is not None:
            self._callbacks.append((at, order, code, *sent))

    def external_id(self, order: int) -> str:
        """The vendor's id of an accepted submit: 32 hexadecimal digits."""
        return f"{self._run}{order:012x}"

    def status(self, external_id: str) -> tuple[int | str | None, float] | None:
        """The latest status (None: no report yet) and its time; None when the id is unknown."""
        order = self._order(external_id)
        if order is None or self._submits[order][4] != ACCEPTED:
            return None
        return self._statuses[order], self._status_times[order]

    def submits(self, recipient: str | None = None, since: float = 0.0) -> Iterator[SubmitRecord]:
        """Submits in order, of one recipient or of all, that arrived at or after ``since`` (epoch seconds)."""
        start = None if recipient is None else f"{recipient}{_FIELD}".encode()
        for order, row in enumerate(self._submits):
            if row[0] >= since and (start is None or row[2].startswith(start)):
                yield self._submit(order)

    def callbacks(self, recipient: str | None = None, since: float = 0.0) -> Iterator[CallbackRecord]:
        """Callbacks in order, filtered like submits."""
        for order, (at, submit, code, attempt, http, url) in enumerate(self._callbacks):
            if at < since:
                continue
            of = self._submit(submit)
            if recipient in (None, of.recipient):
                to = url or of.callback_url
                yield CallbackRecord(order, at, submit, of.recipient, of.external_id, to, code, attempt, http, url is not None)

    def stats(self, reports_pending: int) -> Stats:
        """The counts; the busiest second is computed at each call."""
        times = sorted(row[0] for row in self._submits)
        return Stats(
            submits=len(times),
            outcomes=dict(Counter(row[4] for row in self._submits)),
            busiest_second=busiest_second(times),
            first_at=times[0] if times else None,
            last_at=times[-1] if times else None,
            callbacks=len(self._callbacks),
            callbacks_answered=dict(Counter(str(row[4]) for row in self._callbacks)),
            reports_pending=reports_pending,
            pulls=self.pulls,
        )

    def _order(self, external_id: str) -> int | None:
        if _EXTERNAL_ID.fullmatch(external_id) is None or not external_id.startswith(self._run):
            return None
        order = int(external_id[-12:], 16)
        return order if order < len(self._submits) else None

    def _submit(self, order: int) -> SubmitRecord:
        at, operation, packed, answer, outcome = self._submits[order]
        recipient, template, parameters, callback_url, nonce = packed.decode().split(_FIELD)
        external_id = self.external_id(order) if outcome == ACCEPTED else ""
        return SubmitRecord(
            order, at, operation, recipient, template, values(parameters),
            callback_url, nonce, answer, outcome, external_id,
        )  # fmt: skip


def _packed(texts: tuple[str, ...]) -> bytes:
    return _FIELD.join(text.replace(_FIELD, " ") for text in texts).encode("utf-8", "replace")


def as_json(record: SubmitRecord | CallbackRecord | Stats) -> dict[str, Any]:
    """A record as a JSON object."""
    return asdict(record)
