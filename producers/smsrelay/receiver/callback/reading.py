"""What can be read of a vendor's status callback, whatever shape it came in; pure.

Takes the raw body, its content type and the path's token. Returns every report in it as a ``StatusEvent`` without any personal
field, and says what nobody could read.

Two shapes were seen in public clients, of one report each; nothing is promised. So a list of reports is read as well, and reports
inside an envelope (``data``, ``reports``, ``statusReportList``, …): the code of an envelope is an answer code, and the one inside
is the status. A signed path proves one message and one attempt, so reports in one body that name several submits are not applied
to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from smsrelay.contract.callback_token import CallbackToken
from smsrelay.contract.event import StatusEvent
from smsrelay.receiver.callback.report_fields import (
    EXTERNAL_ID,
    LONGEST_NAME,
    REFERENCE_ID,
    CallbackUnreadable,
    Named,
    has_code,
    identifier,
    letters_of,
    read_code,
    recipient,
    report_event,
)
from smsrelay.receiver.callback.shape import body_shape, json_shape
from smsrelay.receiver.callback.text import candidate_documents, container

MOST_REPORTS = 500  # of one callback
_DEEP = 4  # envelopes and lists within each other

_ENVELOPES = frozenset(
    (
        *("data", "list", "report", "reports", "reportlist", "result", "results", "record", "records", "items"),
        *("status", "statuses", "statuslist", "statusreport", "statusreports", "statusreportlist"),
    )
)
_ANSWER_CODES = frozenset(("0000", "i005", "1999", "9999"))  # of an answer to a submit; no status code is spelt so
_INHERITED = (*EXTERNAL_ID, *REFERENCE_ID)  # what an envelope says of every report in it


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a callback, or some of its reports, could not be read, and what it looks like. Quotes nothing of it."""

    reason: str
    shape: str


class CallbackReading(NamedTuple):
    """What was read of one callback: its reports in their order, and whether that is all of it."""

    reports: tuple[StatusEvent, ...]
    unread: Unreadable | None = None


class _Found(NamedTuple):
    """Something that stands where a report should, and its fields; none when it is no object, or surely no report."""

    part: object
    named: Named

    @property
    def is_report(self) -> bool:
        return has_code(self.named)


def read_callback(
    body: bytes, content_type: str | None, received_at: int, token: CallbackToken | None, *, by_external_id: bool = False
) -> CallbackReading:
    """Every report in ``body``, received at ``received_at`` (epoch milliseconds) on the path of ``token``.

    Reports on several submits are matched by the vendor's external id where ``by_external_id`` permits it, else none of them is
    read. Without a token each report needs an external id.
    """
    for value in candidate_documents(body, content_type):
        found = _reports_in(value)
        if any(one.is_report for one in found):
            break
    else:
        return _unread("no object with a status code", body, content_type)
    if len(found) > MOST_REPORTS:
        return _unread(f"more than {MOST_REPORTS} reports", body, content_type)
    if len(found) > 1 and token is not None and _several_submits(found):
        if not by_external_id:
            return _unread("reports on several submits, and the path proves one", body, content_type)
        token = None
    return _read_each(found, received_at, token)


def _read_each(found: Sequence[_Found], received_at: int, token: CallbackToken | None) -> CallbackReading:
    reports: list[StatusEvent] = []
    unread: list[Unreadable] = []
    for one in found:
        try:
            reports.append(report_event(one.named, received_at, token))
        except CallbackUnreadable as error:
            unread.append(Unreadable(str(error), json_shape(one.part)))
    if not unread:
        return CallbackReading(tuple(reports))
    share = f"{len(unread)} of {len(found)} reports: " if reports else ""
    return CallbackReading(tuple(reports), Unreadable(share + unread[0].reason, unread[0].shape))


def _unread(reason: str, body: bytes, content_type: str | None) -> CallbackReading:
    return CallbackReading((), Unreadable(reason, body_shape(body, content_type)))


def _reports_in(value: dict[str, object] | list[object]) -> list[_Found]:
    if isinstance(value, dict):
        outer, status = _parts(value)
        if has_code(status):
            return [_Found(value, outer | status)]  # as almost every callback is
    return list(islice(_search(value, _DEEP, {}), MOST_REPORTS + 1))


def _search(value: object, depth: int, above: Named) -> Iterator[_Found]:
    """Every report in a value, and what is none where there should be one; ``above`` is what the envelopes say of each."""
    whole = container(value)
    if isinstance(whole, dict) and whole:
        yield from _of_object(whole, depth, above)
    elif isinstance(whole, list) and depth > 0:
        for element in whole:
            yield from _search(element, depth - 1, above)
    elif value and whole != {}:  # nothing is lost with an empty element
        yield _Found(value, {})


def _of_object(fields: dict[str, object], depth: int, above: Named) -> Iterator[_Found]:
    outer, status = _parts(fields)
    if not has_code(status) and depth > 0 and (envelopes := _envelopes(outer)):
        inherited = {**above, **{name: outer[name] for name in _INHERITED if name in outer}}
        inside = [one for part in envelopes for one in _enveloped(part, depth - 1, inherited)]
        if inside or read_code(outer) in _ANSWER_CODES:  # in that case the status must stand somewhere inside
            yield from inside or [_Found(fields, {})]
            return
    yield _Found(fields, {**above, **outer, **status})


def _enveloped(part: object, depth: int, above: Named) -> list[_Found]:
    """What a field of an envelope holds, if there is a report in it at all."""
    found = list(islice(_search(part, depth, above), MOST_REPORTS + 1))
    return found if any(one.is_report for one in found) else []


def _envelopes(outer: Named) -> list[object]:
    """The fields that may hold reports, and are neither scalars nor empty."""
    return [part for letters, (_, part) in outer.items() if letters in _ENVELOPES and container(part)]


def _parts(fields: dict[str, object]) -> tuple[dict[str, tuple[str, object]], dict[str, tuple[str, object]]]:
    """Fields by the letters of their names: of the object itself, and of its ``status``, which is about this report and wins."""
    outer: dict[str, tuple[str, object]] = {}
    inner: dict[str, tuple[str, object]] = {}
    for name, value in fields.items():
        if len(name) > LONGEST_NAME:
            continue
        letters = letters_of(name)
        nested = container(value) if letters == "status" else None
        if isinstance(nested, dict):
            told = [(key, part) for key, part in nested.items() if part is not None and len(key) <= LONGEST_NAME]
            inner |= {letters_of(key): (key, part) for key, part in told}
        else:
            outer.setdefault(letters, (name, value))
    return outer, inner


def _several_submits(found: Sequence[_Found]) -> bool:
    """Whether reports name more than one submit: by the vendor's id of it, else of the report, or by its recipient."""
    external = {identifier(one.named, EXTERNAL_ID) for one in found} - {None}
    reference = {identifier(one.named, REFERENCE_ID) for one in found} - {None}
    recipients = {recipient(one.named) for one in found} - {None}
    return len(external) > 1 or (not external and len(reference) > 1) or len(recipients) > 1
