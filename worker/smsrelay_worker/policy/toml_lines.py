"""Finds the line of a table or key in a TOML text, which ``tomllib`` does not report.

Takes a text that ``tomllib`` accepts, gives line numbers from 1. A key that cannot be located exactly (inside an inline table)
gets the line of the innermost table around it, or line 1. Nothing is raised.
"""

import tomllib
from collections.abc import Mapping

Path = tuple[str, ...]
_MARKS = ('"""', "'''")


class TomlLines:
    """The lines of one TOML text, looked up by key path."""

    def __init__(self, source: str) -> None:
        self._lines: Mapping[Path, int] = _index(source)

    def at(self, path: Path) -> int:
        """The line of the key, or of the innermost table around it that has a line of its own."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def _index(source: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    table: Path = ()
    inside = False  # a multi-line string, in which nothing is a key
    for number, line in enumerate(source.split("\n"), start=1):
        path = () if inside else _path(line, table)
        if path and line.lstrip().startswith("["):
            table = path
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], number)
        if inside or not line.lstrip().startswith("#"):
            inside ^= sum(line.count(mark) for mark in _MARKS) % 2 == 1
    return found


def _path(line: str, table: Path) -> Path:
    """The key path that a line opens: of its table header, or of the key before its equals sign."""
    if line.lstrip().startswith("["):
        return _keys(line)
    keys = _keys(line.partition("=")[0] + "= 0") if "=" in line else ()
    return (*table, *keys) if keys else ()


def _keys(snippet: str) -> Path:
    try:
        value: object = tomllib.loads(snippet)
    except tomllib.TOMLDecodeError:
        return ()  # a line of an array, or a comment with an equals sign
    keys: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
