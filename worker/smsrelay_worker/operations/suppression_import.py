"""Imports suppressions from a file of numbers, or from an export, in bounded memory.

To import a file again changes nothing. Raises ``StoreUnavailable``: a part may have been imported; import the file again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from smsrelay.campaign.csv_file import CsvFile, Survey
from smsrelay.campaign.misaligned_rows import misalignment
from smsrelay.campaign.row import Row
from smsrelay.contract.phone_number import e164
from smsrelay.contract.rejection import Problem
from smsrelay.contract.suppression import BY_IMPORT, Suppression
from smsrelay.store.suppressions import BATCH, Suppressions
from smsrelay_worker.operations.suppression_file import exported

_T = TypeVar("_T")
Refuse = Callable[[Row, Problem], None]


@dataclass(slots=True)
class Imported:
    """How many rows were new, known before, and refused; and how many are under keys that are not ours."""

    new: int = 0
    known: int = 0
    refused: int = 0
    under_other_keys: int = 0

    def count(self, flags: Iterable[bool]) -> None:
        """Count what the store did with some rows."""
        for new in flags:
            self.new, self.known = self.new + new, self.known + (not new)


def import_numbers(lists: Suppressions, source: CsvFile, survey: Survey, name: str, refuse: Refuse) -> Imported:
    """Put every number of a file's column on a list; ``refuse`` is told of each row without a number."""
    done = Imported()

    def numbers() -> Iterator[str]:
        for row in source.rows(survey):
            found = _number(row, survey)
            if isinstance(found, Problem):
                done.refused += 1
                refuse(row, found)
            else:
                yield found

    for batch in _batches(numbers()):
        done.count(lists.add(batch, name, BY_IMPORT))
    return done


def import_export(lists: Suppressions, path: Path, key_names: Collection[str], refuse: Refuse) -> Imported:
    """Put back what was exported. ``key_names``: of the number keys that are in use."""
    done = Imported()

    def entries() -> Iterator[Suppression]:
        for row, found in exported(path):
            if isinstance(found, Problem):
                done.refused += 1
                refuse(row, found)
                continue
            done.under_other_keys += bool(found.key_name) and found.key_name not in key_names
            yield found

    for batch in _batches(entries()):
        done.count(lists.restore(batch))
    return done


def _number(row: Row, survey: Survey) -> str | Problem:
    problem = misalignment(row, survey.columns, survey.delimiter)
    if problem is not None:
        return problem
    try:
        return e164(row.cells[survey.columns.places["to"]].strip())
    except ValueError as error:
        return Problem("to", str(error))


def _batches(every: Iterable[_T]) -> Iterator[list[_T]]:
    batch: list[_T] = []
    for one in every:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
