"""Extras: which of them an installation lacks, by the metadata of the installed distribution.

Imports nothing outside the standard library, for it runs where nothing else is installed.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import metadata

_DISTRIBUTION = "smsrelay"
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[(?P<extras>[\w,-]+)\])?[^;]*(?:; (?P<marker>.+))?")


@cache
def lacks(extra: str) -> bool:
    """Whether a package that the extra asks for is not installed; versions are the installer's business."""
    return any(not _installed(name) for name in _packages(extra))


def how_to_install(extra: str) -> str:
    """The command that brings the extra."""
    return f"pip install '{_DISTRIBUTION}[{extra}]'"


def _packages(extra: str) -> Iterator[str]:
    """Names of the packages that the distribution asks for with this extra, those of the extras it names included."""
    for requirement in _requirements():
        found = _REQUIREMENT.match(requirement)
        if found is None or (found["marker"] or "").replace("'", '"') not in ("", f'extra == "{extra}"'):
            continue
        if found["name"] != _DISTRIBUTION:
            yield found["name"]
            continue
        for inner in (found["extras"] or "").split(","):
            yield from _packages(inner)


@cache
def _requirements() -> list[str]:
    try:
        return metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # run from a source folder: nobody knows what it asks for
        return []


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
