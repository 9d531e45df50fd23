"""A strict reader of TOML tables that goes on after a mistake, so that a person sees every problem at once.

Enters: a parsed table. Leaves: values of the asked type, or a harmless placeholder where one was wrong; then there is
a ``FileProblem`` in the list that every section of a file shares, and the caller must not use what it built.
"""

import reprlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from smsrelay_worker.policy.toml_lines import Path, TomlLines

_T = TypeVar("_T")
_NO_NUMBER = float("nan")  # compares false with all, so one wrong number causes no second problem


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing wrong in a file: its line (from 1), the key, and a reason that also says what is allowed."""

    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.key}: {self.reason}" if self.key else f"line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers that are allowed: from ``low`` (or only ``above`` it) to ``high``, whole ones or any."""

    low: float
    high: float
    whole: bool = False
    above: bool = False

    def holds(self, value: object) -> bool:
        """Whether the value is such a number; true, false, nan and inf are not."""
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
    """One table of a file. Every key must be asked for: ``close`` reports those that nobody knows."""

    path: Path
    table: Mapping[str, object]
    lines: TomlLines
    problems: list[FileProblem]
    _known: list[str] = field(default_factory=list)

    def report(self, reason: str, *keys: str) -> None:
        """Note a problem with a key of this table, or with the table itself."""
        path = (*self.path, *keys)
        self.problems.append(FileProblem(self.lines.at(path), ".".join(path), reason))

    def has(self, key: str) -> bool:
        """Whether the optional key is there."""
        self._know(key)
        return key in self.table

    def number(self, key: str, allowed: Range) -> float:
        """A required number."""
        value = self._take(key, str(allowed))
        if isinstance(value, int | float) and allowed.holds(value):
            return value
        return self._wrong(key, value, str(allowed), _NO_NUMBER)

    def number_or_word(self, key: str, allowed: Range, word: str) -> float | str:
        """A required number, or the one word that may stand in its place."""
        if self.table.get(key) == word:
            self._know(key)
            return word
        expected = f'{allowed}, or "{word}"'
        value = self._take(key, expected)
        if isinstance(value, int | float) and allowed.holds(value):
            return value
        return self._wrong(key, value, expected, _NO_NUMBER)

    def word(self, key: str, allowed: Collection[str]) -> str | None:
        """A required word out of a closed set; None when it was wrong."""
        expected = "one of " + ", ".join(allowed) if allowed else "nothing, because none is defined"
        value = self._take(key, expected)
        if isinstance(value, str) and value in allowed:
            return value
        return self._wrong(key, value, expected, None)

    def text(self, key: str) -> str:
        """A required text of one line that is not empty."""
        value = self._take(key, "a text")
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value
        return self._wrong(key, value, "a text of one line that is not empty", "")

    def flag(self, key: str) -> bool:
        """A required true or false."""
        value = self._take(key, "true or false")
        return value if isinstance(value, bool) else self._wrong(key, value, "true or false", False)

    def section(self, key: str) -> "Section":
        """The required table ``key``."""
        found = self._take(key, "a table")
        return self._inner(found, key) if key in self.table else self._silent(key)

    def tables(self, key: str, required: Collection[str], *, closed: bool = False) -> "dict[str, Section]":
        """The tables inside ``key`` by name; reports required ones that are missing and, if closed, any other."""
        outer = self._take(key, "a table")
        if not isinstance(outer, dict):
            return self._wrong(key, outer, "a table", {})
        if missing := [name for name in required if name not in outer]:
            self.report(f"no row for {', '.join(missing)}; each of them needs one, which the packaged policy.toml has", key)
        if closed:
            Section((*self.path, key), outer, self.lines, self.problems, list(required)).close()
        return {name: self._inner(value, key, name) for name, value in outer.items()}

    def close(self) -> None:
        """Report every key that was not asked for."""
        for key in self.table:
            if key not in self._known:
                self.report(f"unknown; allowed: {', '.join(self._known)}", key)

    def _inner(self, found: object, *keys: str) -> "Section":
        if isinstance(found, dict):
            return Section((*self.path, *keys), found, self.lines, self.problems)
        self.report(f"{reprlib.repr(found)} is wrong; allowed: a table", *keys)
        return self._silent(*keys)

    def _silent(self, *keys: str) -> "Section":
        """In place of a table that is not there: that its keys are missing too is no news."""
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
