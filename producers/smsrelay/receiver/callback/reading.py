"""Parses a status callback, whatever format it has; pure.

Takes the raw body, its content type and the path's token. Returns every report in it as a ``StatusEvent`` without any personal
field, and describes what could not be parsed.

Public clients show two formats, of one report each; the vendor promises none. So a list of reports is accepted as well, and
reports inside an envelope (``data``, ``reports``, ``statusReportList``, …). An envelope's own code is an answer code; the status
code is the one inside. A signed path is valid for one message and one attempt, so reports in one body that name several submits
are not attributed to it.
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
    ReportFields,
    has_code,
    identifier,
    normalised_name,
    read_code,
    recipient,
    report_event,
)
from smsrelay.receiver.callback.shape import body_shape, json_shape
from smsrelay.receiver.callback.text import candidate_documents, container

MOST_REPORTS = 500  # in one callback
_MAX_DEPTH = 4  # nested envelopes and lists

_ENVELOPES = frozenset(
    (
        *("data", "list", "report", "reports", "reportlist", "result", "results", "record", "records", "items"),
        *("status", "statuses", "statuslist", "statusreport", "statusreports", "statusreportlist"),
    )
)
_ANSWER_CODES = frozenset(("0000", "i005", "1999", "9999"))  # answers to a submit; no status code looks like these
_INHERITED = (*EXTERNAL_ID, *REFERENCE_ID)  # fields of an envelope that are valid for every report in it


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a callback, or some of its reports, could not be parsed, and its structure. Quotes no value."""

    reason: str
    shape: str


class CallbackReading(NamedTuple):
    """The reports in one callback, in order, and what could not be parsed, if anything."""

    reports: tuple[StatusEvent, ...]
    unreadable: Unreadable | None = None


class _Candidate(NamedTuple):
    """Something in the place of a report, and its fields; without fields if it is not an object or certainly not a report."""

    part: object
    fields: ReportFields

    @property
    def is_report(self) -> bool:
        return has_code(self.fields)


def read_callback(
    body: bytes, content_type: str | None, received_at: int, token: CallbackToken | None, *, by_external_id: bool = False
) -> CallbackReading:
    """Parse every report in ``body``, received at ``received_at`` (epoch ms) on the path of ``token``.

    Reports on several submits are matched by the vendor's external id if ``by_external_id`` allows it, otherwise none of them is
    accepted. Without a token each report needs an external id.
    """
    for value in candidate_documents(body, content_type):
        found = _reports_in(value)
        if any(one.is_report for one in found):
            break
    else:
        return _unreadable("no object with a status code", body, content_type)
    if len(found) > MOST_REPORTS:
        return _unreadable(f"more than {MOST_REPORTS} reports", body, content_type)
    if len(found) > 1 and token is not None and _several_submits(found):
        if not by_external_id:
            return _unreadable("reports on several submits, and the path is valid for one", body, content_type)
        token = None
    return _read_each(found, received_at, token)


def _read_each(found: Sequence[_Candidate], received_at: int, token: CallbackToken | None) -> CallbackReading:
    reports: list[StatusEvent] = []
    unreadable: list[Unreadable] = []
    for one in found:
        try:
            reports.append(report_event(one.fields, received_at, token))
        except CallbackUnreadable as error:
            unreadable.append(Unreadable(str(error), json_shape(one.part)))
    if not unreadable:
        return CallbackReading(tuple(reports))
    share = f"{len(unreadable)} of {len(found)} reports: " if reports else ""
    return CallbackReading(tuple(reports), Unreadable(share + unreadable[0].reason, unreadable[0].shape))


def _unreadable(reason: str, body: bytes, content_type: str | None) -> CallbackReading:
    return CallbackReading((), Unreadable(reason, body_shape(body, content_type)))


def _reports_in(value: dict[str, object] | list[object]) -> list[_Candidate]:
    if isinstance(value, dict):
        outer, status = _parts(value)
        if has_code(status):
            return [_Candidate(value, outer | status)]  # fast path: almost every callback
    return list(islice(_search(value, _MAX_DEPTH, {}), MOST_REPORTS + 1))


def _search(value: object, depth: int, above: ReportFields) -> Iterator[_Candidate]:
    """Every report in a value, and anything else in the place of one; ``above``: fields inherited from the envelopes."""
    whole = container(value)
    if isinstance(whole, dict) and whole:
        yield from _of_object(whole, depth, above)
    elif isinstance(whole, list) and depth > 0:
        for element in whole:
            yield from _search(element, depth - 1, above)
    elif value and whole != {}:  # an empty element has nothing to report
        yield _Candidate(value, {})


def _of_object(fields: dict[str, object], depth: int, above: ReportFields) -> Iterator[_Candidate]:
    outer, status = _parts(fields)
    if not has_code(status) and depth > 0 and (envelopes := _envelopes(outer)):
        inherited = {**above, **{name: outer[name] for name in _INHERITED if name in outer}}
        inside = [one for part in envelopes for one in _enveloped(part, depth - 1, inherited)]
        if inside or read_code(outer) in _ANSWER_CODES:  # in that case the status must stand somewhere inside
            yield from inside or [_Candidate(fields, {})]
            return
    yield _Candidate(fields, {**above, **outer, **status})


def _enveloped(part: object, depth: int, above: ReportFields) -> list[_Candidate]:
    """What a field of an envelope contains; empty if there is no report in it."""
    found = list(islice(_search(part, depth, above), MOST_REPORTS + 1))
    return found if any(one.is_report for one in found) else []


def _envelopes(outer: ReportFields) -> list[object]:
    """The fields that may contain reports: known names, neither scalar nor empty."""
    return [part for normalised, (_, part) in outer.items() if normalised in _ENVELOPES and container(part)]


def _parts(fields: dict[str, object]) -> tuple[dict[str, tuple[str, object]], dict[str, tuple[str, object]]]:
    """The fields of an object, and those of its ``status``, which take precedence; both by normalised name."""
    outer: dict[str, tuple[str, object]] = {}
    inner: dict[str, tuple[str, object]] = {}
    for name, value in fields.items():
        if len(name) > LONGEST_NAME:
            continue
        normalised = normalised_name(name)
        nested = container(value) if normalised == "status" else None
        if isinstance(nested, dict):
            usable = [(key, part) for key, part in nested.items() if part is not None and len(key) <= LONGEST_NAME]
            inner |= {normalised_name(key): (key, part) for key, part in usable}
        else:
            outer.setdefault(normalised, (name, value))
    return outer, inner


def _several_submits(found: Sequence[_Candidate]) -> bool:
    """Whether reports are about more than one submit: by the vendor's id of it, else of the report, or by phone number."""
    external = {identifier(one.fields, EXTERNAL_ID) for one in found} - {None}
    reference = {identifier(one.fields, REFERENCE_ID) for one in found} - {None}
    recipients = {recipient(one.fields) for one in found} - {None}
    return len(external) > 1 or (not external and len(reference) > 1) or len(recipients) > 1
