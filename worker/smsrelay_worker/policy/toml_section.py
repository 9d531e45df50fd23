"""A strict reader of TOML tables that goes on after a mistake, so that all problems are reported at once.

Takes a parsed table, returns values of the requested type. For a wrong value it returns a harmless placeholder and adds a
``FileProblem`` to the list that all sections of a file share; the caller must then discard what it built.
"""

import reprlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from smsrelay_worker.policy.toml_lines import Path, TomlLines

_T = TypeVar("_T")
_NO_NUMBER = float("nan")  # compares false with everything, so a wrong number causes no second problem


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One problem of a file: its line (from 1), the key, and a reason that also says what is allowed."""

    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.key}: {self.reason}" if self.key else f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Range:
    """A range of allowed numbers: from ``low`` (excluded if ``above``) to ``high``, any or only ``whole`` ones."""

    low: float
    high: float
    whole: bool = False
    above: bool = False

    def holds(self, value: object) -> bool:
        """Whether the value is in the range; true, false, nan and inf never are."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.low:.10g}"
        noun = "a whole number" if self.whole else "a number"
        return f"{noun} {'above' if self.above else 'from'} {self.low:.10g} {'up ' * self.above}to {self.high:.10g}"


@dataclass(slots=True)
class Section:
    """One table of a file. Ask for every known key, then ``close``, which reports the unknown ones."""

    path: Path
    table: Mapping[str, object]
    lines: TomlLines
    problems: list[FileProblem]
    _known: list[str] = field(default_factory=list)

    def report(self, reason: str, *keys: str) -> None:
        """Add a problem with a key of this table, or with the table itself."""
        path = (*self.path, *keys)
        self.problems.append(FileProblem(self.lines.at(path), ".".join(path), reason))

    def has(self, key: str) -> bool:
        """Whether an optional key is present."""
        self._know(key)
        return key in self.table

    def number(self, key: str, allowed: Range) -> float:
        """A required number."""
        value = self._take(key, str(allowed))
        if isinstance(value, int | float) and allowed.holds(value):
            return value
        return self._wrong(key, value, str(allowed), _NO_NUMBER)

    def number_or_word(self, key: str, allowed: Range, word: str) -> float | str:
        """A required number, or the one word allowed in its place."""
        if self.table.get(key) == word:
            self._know(key)
            return word
        expected = f'{allowed}, or "{word}"'
        value = self._take(key, expected)
        if isinstance(value, int | float) and allowed.holds(value):
            return value
        return self._wrong(key, value, expected, _NO_NUMBER)

    def word(self, key: str, allowed: Collection[str]) -> str | None:
        """A required word out of a closed set; None when it is wrong."""
        expected = "one of " + ", ".join(allowed) if allowed else "nothing, because none is defined"
        value = self._take(key, expected)
        if isinstance(value, str) and value in allowed:
            return value
        return self._wrong(key, value, expected, None)

    def text(self, key: str) -> str:
        """A required text: one line, not empty."""
        value = self._take(key, "a text")
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value
        return self._wrong(key, value, "a text of one line that is not empty", "")

    def flag(self, key: str) -> bool:
        """A required true or false."""
        value = self._take(key, "true or false")
        return value if isinstance(value, bool) else self._wrong(key, value, "true or false", False)

    def section(self, key: str) -> "Section":
        """A required table."""
        found = self._take(key, "a table")
        return self._inner(found, key) if key in self.table else self._silent(key)

    def tables(self, key: str, required: Collection[str], *, closed: bool = False) -> "dict[str, Section]":
        """The tables inside ``key``, by name. Reports missing required ones and, if ``closed``, all others."""
        outer = self._take(key, "a table")
        if not isinstance(outer, dict):
            return self._wrong(key, outer, "a table", {})
        if missing := [name for name in required if name not in outer]:
            self.report(f"no row for {', '.join(missing)}; each needs one, copy it from the packaged policy.toml", key)
        if closed:
            Section((*self.path, key), outer, self.lines, self.problems, list(required)).close()
        return {name: self._inner(value, key, name) for name, value in outer.items()}

    def close(self) -> None:
        """Report every key that nothing has asked for."""
        for key in self.table:
            if key not in self._known:
                self.report(f"unknown; allowed: {', '.join(self._known)}", key)

    def _inner(self, found: object, *keys: str) -> "Section":
        if isinstance(found, dict):
            return Section((*self.path, *keys), found, self.lines, self.problems)
        self.report(f"{reprlib.repr(found)} is wrong; allowed: a table", *keys)
        return self._silent(*keys)

    def _silent(self, *keys: str) -> "Section":
        """Stands in for a missing table. Its problems go nowhere: that its keys are missing, too, is not worth reporting."""
        return Section((*self.path, *keys), {}, self.lines, [])

    def _know(self, key: str) -> None:
        if key not in self._known:
            self._known.append(key)

    def _take(self, key: str, expected: str) -> object:
        self._know(key)
        if key not in self.table:
            self.report(f"{key} is missing; allowed: {expected}")
        return self.table.get(key)

    def _wrong(self, key: str, value: object, expected: str, placeholder: _T) -> _T:
        if key in self.table:
            self.report(f"{reprlib.repr(value)} is wrong; allowed: {expected}", key)
        return placeholder
