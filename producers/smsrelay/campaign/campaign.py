"""Campaign: turns each row of a file into a job, and into the same job every time the file is read.

An invalid row is refused with its reasons and does not affect the others. If the store becomes unavailable on the way, enqueuing
the file again sends nothing twice.

A row without a reference gets one: a keyed digest of its content, so that no phone number can be found by it, and the campaign's
name. Its line number is not used, because lines move when somebody corrects the file. So two rows with the same content are one
SMS.
"""

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from smsrelay.campaign.header import Columns
from smsrelay.campaign.misaligned_rows import misalignment
from smsrelay.campaign.row import Row
from smsrelay.campaign.spreadsheet_artefact import FORMULA_MARK, is_text_formula, reference_fault
from smsrelay.contract.character import invisible
from smsrelay.contract.job import SendJob
from smsrelay.contract.message import keyed_digest
from smsrelay.contract.parameter import placed
from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Problem, Rejection
from smsrelay.enqueue import Accepted, Enqueuer, Refused

_CHECKED_ELSEWHERE = {"to", "params"}  # parsing a number drops invisible characters, and SendJob checks the parameters
_FIRST_ROWS = 50  # of a campaign that was begun, one of these was accepted
_PARAMETER_FIELD = re.compile(r"params\.([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Campaign:
    """Makes a job from each row."""

    name: str
    columns: Columns
    constants: Mapping[str, Any]  # fields of SendJob for rows that do not have their own
    key: bytes = field(repr=False)
    delimiter: str = ","

    def job(self, row: Row) -> SendJob:
        """The job of one row; raises ``Rejection``."""
        problem = misalignment(row, self.columns, self.delimiter)
        given = {} if problem else {name: row.cells[place].strip() for name, place in self.columns.places.items()}
        problems = [problem] if problem else [*_cell_problems(given), *self._formulas(row.cells)]
        if problems:
            raise Rejection(problems)
        fields = dict(self.constants) | {name: cell for name, cell in given.items() if cell}
        fields["to"] = _number(given["to"])
        fields["params"] = self._params(row.cells, given.get("params", ""))
        fields.setdefault("reference", self._reference(fields))
        try:
            return SendJob(**fields)
        except Rejection as rejection:
            problems = self.in_columns(rejection.problems)
        raise Rejection(problems)

    def job_or_rejection(self, row: Row) -> SendJob | Rejection:
        """The job of one row, or the rejection as a value."""
        try:
            return self.job(row)
        except Rejection as rejection:
            return rejection

    def job_or_none(self, row: Row) -> SendJob | None:
        """The job of one row, unless it is rejected."""
        job = self.job_or_rejection(row)
        return None if isinstance(job, Rejection) else job

    def in_columns(self, problems: Iterable[Problem]) -> list[Problem]:
        """Problems with a job, those with its parameters under the names of their columns."""
        if not self.columns.parameters:
            return list(problems)
        found = [(problem, _PARAMETER_FIELD.fullmatch(problem.field)) for problem in problems]
        return [replace(problem, field=f"p{int(named[1]) + 1}") if named else problem for problem, named in found]

    def _params(self, cells: Sequence[str], whole: str) -> tuple[str, ...]:
        if whole:
            return _listed(whole)
        values = [cells[place].strip() for place in self.columns.parameters]
        while values and not values[-1]:  # its template takes fewer parameters than others in the file
            values.pop()
        return tuple(values)

    def _formulas(self, cells: Sequence[str]) -> Iterator[Problem]:
        if FORMULA_MARK not in "".join(cells):  # fast path: nearly all rows
            return
        used = {name: place for name, place in self.columns.places.items() if name != "to"}
        used |= {f"p{number}": place for number, place in enumerate(self.columns.parameters, 1)}
        for name, place in used.items():
            if is_text_formula(cells[place]):
                yield Problem(name, 'is a formula (="…"); export the value itself')

    def _reference(self, fields: Mapping[str, Any]) -> str:
        content = [fields.get(name) for name in ("app", "to", "template", "lane", "params")]
        name_hash = hashlib.sha256(self.name.encode(errors="surrogatepass")).hexdigest()[:16]
        return f"bulk {name_hash} {keyed_digest(self.key, 'row', json.dumps(content))}"


def under_its_key(enqueuer: Enqueuer, campaign: Campaign, older: Iterable[bytes], rows: Iterable[Row]) -> Campaign:
    """The campaign with the key under which it was begun, or else as it is: a change of the key must not send it twice.

    Looks for the first rows under the ``older`` keys; without any, it looks for nothing. Raises ``StoreUnavailable``.
    """
    first = list(islice(rows, _FIRST_ROWS))
    for key in older:
        begun = replace(campaign, key=key)
        jobs = filter(None, map(begun.job_or_none, first))
        if any(enqueuer.find(job.app, job.reference or "") for job in jobs):
            return begun
    return campaign


def enqueue_rows(
    enqueuer: Enqueuer, campaign: Campaign, rows: Iterable[Row]
) -> Iterator[tuple[Row, SendJob | Rejection, Accepted | Refused]]:
    """Enqueue every row; yields each with its job and result, in order. Raises ``StoreUnavailable``."""
    waiting: deque[tuple[Row, SendJob | Rejection]] = deque()  # rows that enqueue_many has read ahead

    def jobs() -> Iterator[SendJob | Rejection]:
        for row in rows:
            job = campaign.job_or_rejection(row)
            waiting.append((row, job))
            yield job

    with closing(enqueuer.enqueue_many(jobs())) as results:
        for result in results:
            if isinstance(result, Refused):
                result = replace(result, problems=tuple(campaign.in_columns(result.problems)))  # noqa: PLW2901  in its words
            yield *waiting.popleft(), result


def _number(cell: str) -> str:
    try:
        return e164(cell)
    except ValueError as error:
        reason = str(error)
    raise Rejection.of("to", reason)


def _cell_problems(given: Mapping[str, str]) -> Iterator[Problem]:
    """Invisible characters in cells, and a reference that a spreadsheet has damaged."""
    for name, cell in given.items():
        unseen = None if name in _CHECKED_ELSEWHERE or cell.isascii() else invisible(cell)
        if unseen is not None:
            yield Problem(name, f"holds {placed(cell, unseen)}, which is invisible; remove it")
    reference = given.get("reference")
    fault = reference_fault(reference) if reference else None
    if fault is not None:
        yield Problem("reference", fault)


def _listed(cell: str) -> tuple[str, ...]:
    """The values in a params cell: a JSON list of strings, or the whole cell as one value."""
    if not cell.startswith(("[", "{")):
        return (cell,)
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Rejection.of("params", 'must be a JSON list of strings, like ["394021", "5"], or one value')
    return tuple(values)
