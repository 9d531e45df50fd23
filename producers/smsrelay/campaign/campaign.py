"""Campaign: one job of each row of a file, the same one however often the file is read.

Takes rows, and what the command gives for all of them. Yields, for each row in order, what became of it. A wrong row is refused
with its reasons and keeps no other out. Raises ``StoreUnavailable`` in the middle: then running it again sends nothing twice.

A row without a reference of the app's gets one made of the campaign's name and the row's content, keyed, so that no number can be
found by it. Not of its line: lines move when somebody mends a file. So two rows with the same content are one SMS.
"""

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
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

_SEEN_TO = {"to", "params"}  # a number drops what is invisible, and the job looks at its parameters
_OF_PARAMETER = re.compile(r"params\.([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Campaign:
    """Makes jobs of rows."""

    name: str
    columns: Columns
    constants: Mapping[str, Any]  # fields of SendJob that every row has unless it brings its own
    secret: bytes = field(repr=False)
    delimiter: str = ","

    def job(self, row: Row) -> SendJob:
        """The job of one row; raises ``Rejection``."""
        problem = misalignment(row, self.columns, self.delimiter)
        given = {} if problem else {name: row.cells[place].strip() for name, place in self.columns.places.items()}
        problems = [problem] if problem else [*_unfit(given), *self._formulas(row.cells)]
        if problems:
            raise Rejection(problems)
        fields = dict(self.constants) | {name: cell for name, cell in given.items() if cell}
        fields["to"] = _number(given["to"])
        fields["params"] = self._params(row.cells, given.get("params", ""))
        fields.setdefault("reference", self._reference(fields))
        try:
            return SendJob(**fields)
        except Rejection as rejection:
            problems = [self._of_column(problem) for problem in rejection.problems]
        raise Rejection(problems)

    def taken(self, row: Row) -> SendJob | Rejection:
        """The same, a refusal as a value."""
        try:
            return self.job(row)
        except Rejection as rejection:
            return rejection

    def _params(self, cells: Sequence[str], whole: str) -> tuple[str, ...]:
        if whole:
            return _listed(whole)
        values = [cells[place].strip() for place in self.columns.parameters]
        while values and not values[-1]:  # a shorter template among longer ones
            values.pop()
        return tuple(values)

    def _formulas(self, cells: Sequence[str]) -> Iterator[Problem]:
        if FORMULA_MARK not in "".join(cells):  # as in nearly all rows
            return
        used = {name: place for name, place in self.columns.places.items() if name != "to"}
        used |= {f"p{number}": place for number, place in enumerate(self.columns.parameters, 1)}
        for name, place in used.items():
            if is_text_formula(cells[place]):
                yield Problem(name, 'is a formula (="…"); export the value itself')

    def _of_column(self, problem: Problem) -> Problem:
        """A problem of a job, under the name of the column."""
        found = _OF_PARAMETER.fullmatch(problem.field) if self.columns.parameters else None
        return Problem(f"p{int(found[1]) + 1}", problem.reason) if found else problem

    def _reference(self, fields: Mapping[str, Any]) -> str:
        content = [fields.get(name) for name in ("app", "to", "template", "lane", "params")]
        named = hashlib.sha256(self.name.encode(errors="surrogatepass")).hexdigest()[:16]
        return f"bulk {named} {keyed_digest(self.secret, 'row', json.dumps(content))}"


def enqueue_rows(enqueuer: Enqueuer, campaign: Campaign, rows: Iterable[Row]) -> Iterator[tuple[Row, Accepted | Refused]]:
    """Enqueue a row after the other; each comes back with its result. Raises ``StoreUnavailable``."""
    waiting: deque[Row] = deque()  # as many as enqueue_many reads ahead

    def jobs() -> Iterator[SendJob | Rejection]:
        for row in rows:
            waiting.append(row)
            yield campaign.taken(row)

    with closing(enqueuer.enqueue_many(jobs())) as results:
        for result in results:
            yield waiting.popleft(), result


def _number(cell: str) -> str:
    try:
        return e164(cell)
    except ValueError as error:
        reason = str(error)
    raise Rejection.of("to", reason)


def _unfit(given: Mapping[str, str]) -> Iterator[Problem]:
    """What nobody would find by looking at a cell of a row's own fields."""
    for name, cell in given.items():
        unseen = None if name in _SEEN_TO or cell.isascii() else invisible(cell)
        if unseen is not None:
            yield Problem(name, f"holds {placed(cell, unseen)}, which is invisible; remove it")
    reference = given.get("reference")
    lost = reference_fault(reference) if reference else None
    if lost is not None:
        yield Problem("reference", lost)


def _listed(cell: str) -> tuple[str, ...]:
    """Values of a params cell: a JSON list of texts, or one value as it stands."""
    if not cell.startswith(("[", "{")):
        return (cell,)
    try:
        values = json.loads(cell)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Rejection.of("params", 'must be a JSON list of texts, like ["394021", "5"], or one value')
    return tuple(values)
