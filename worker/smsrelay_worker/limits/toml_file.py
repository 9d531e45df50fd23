"""Loads the limits file: TOML in, ``Limits`` out, or an error that lists everything wrong with it.

Takes the packaged ``limits.toml``, or the path that SMSRELAY_LIMITS names. Raises ``LimitsError``; no part of such a file takes
effect.
"""

import tomllib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smsrelay.resources import text_beside
from smsrelay.settings import SettingsError
from smsrelay_worker.limits.model import Limits
from smsrelay_worker.limits.rows import FileTable

PACKAGED, ALIYUN = "limits.toml", "limits.aliyun.toml"
_Key = TypeVar("_Key", bound=Hashable)
_REASONS = {
    "extra_forbidden": "is not a key of this table; docs/limits.md lists them",
    "model_type": "must be a table",
    "list_type": "must be a list",
    "missing": "is missing",
}


class LimitsError(SettingsError):
    """The limits file is invalid; ``problems`` names table and key of each, and says what is allowed."""

    def __init__(self, file: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  ".join([f"{file} is invalid, {count}:", *self.problems]))


def load_limits(path: Path | None) -> Limits:
    """The limits in the file, or the packaged ones for None; raises ``LimitsError``."""
    return parse_limits(packaged_source(), PACKAGED) if path is None else parse_limits(_read(path), str(path))


def packaged_source(name: str = PACKAGED) -> str:
    """The text of a packaged file: the limits without any other, or the example ``ALIYUN``."""
    return text_beside(__name__, name)


def parse_limits(source: str, file: str) -> Limits:
    """The limits in a TOML text; raises ``LimitsError``, which calls the text ``file``."""
    try:
        document = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise LimitsError(file, [f"not TOML: {error}"]) from None
    except (ValueError, RecursionError):  # of the parser, for a number of thousands of digits and for deep nesting
        raise LimitsError(
            file, ["not TOML that can be read: a number is too long, or its tables are nested too deeply"]
        ) from None
    try:
        table = FileTable.model_validate(document)
    except ValidationError as error:
        problems = list(dict.fromkeys(_problems(error)))
    else:
        problems = list(_doubles(table))
    if problems:
        raise LimitsError(file, problems)
    return _limits(table)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise LimitsError(str(path), ["not UTF-8; allowed: TOML in UTF-8"]) from None
    except OSError as error:
        raise LimitsError(str(path), [f"cannot be read: {error.strerror}"]) from None


def _limits(table: FileTable) -> Limits:
    return Limits(
        [row.cap() for row in table.cap],
        [row.send_window() for row in table.window],
        None if table.countries is None else frozenset(table.countries),
        {name: frozenset(row.countries) for name, row in table.apps.items()},
        [row.fuse() for row in table.fuse],
    )


def _doubles(table: FileTable) -> Iterator[str]:
    """Rows that say the same thing twice, of which only one could count."""
    for name in _repeated(row.name for row in table.cap):
        yield f"cap: two rows have the name {name}"
    for lane, country in _repeated((row.lane, row.country) for row in table.window):
        yield f"window: two rows are for the lane {lane} and country {country}"
    for app, country in _repeated((row.app, row.country) for row in table.fuse):
        yield f"fuse: two rows are for the app {app} and country {country}"


def _repeated(keys: Iterable[_Key]) -> list[_Key]:
    return [key for key, times in Counter(keys).items() if times > 1]


def _problems(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_url=False, include_context=False):
        yield f"{_place(found['loc'])}: {_reason(found)}"


def _reason(found: ErrorDetails) -> str:
    return _REASONS.get(found["type"]) or found["msg"].removeprefix("Value error, ")


def _place(path: tuple[str | int, ...]) -> str:
    """Where in the file: ``cap 2, window``; rows count from 1."""
    shown = ""
    for part in path:
        if part != "[key]":
            shown += f" {part + 1}" if isinstance(part, int) else f", {part}" * bool(shown) or part
    return shown
