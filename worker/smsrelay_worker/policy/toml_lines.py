"""Where in a TOML text a table or key stands; ``tomllib`` itself keeps no lines.

Enters: a text that ``tomllib`` accepts. Leaves: line numbers, counted from 1. What cannot be placed exactly
(a key inside an inline table) is placed at the nearest thing around it, in the end at line 1; nothing is raised.
"""

import tomllib
from collections.abc import Mapping

Path = tuple[str, ...]
_MARKS = ('"""', "'''")


class TomlLines:
    """Lines of one TOML text, looked up by the path of keys."""

    def __init__(self, source: str) -> None:
        self._lines: Mapping[Path, int] = _index(source)

    def at(self, path: Path) -> int:
        """Line of the key, or of the innermost table around it that is written out."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


def _index(source: str) -> dict[Path, int]:
    found: dict[Path, int] = {}
    table: Path = ()
    inside = False  # of a string of several lines, where nothing is a key
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
    """Path that a line opens: that of its header, or of the key before its equals sign."""
    if line.lstrip().startswith("["):
        return _keys(line)
    keys = _keys(line.partition("=")[0] + "= 0") if "=" in line else ()
    return (*table, *keys) if keys else ()


def _keys(snippet: str) -> Path:
    try:
        value: object = tomllib.loads(snippet)
    except tomllib.TOMLDecodeError:
        return ()  # a line of an array, or a comment that holds an equals sign
    keys: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
