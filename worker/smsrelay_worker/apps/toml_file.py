"""Loads the apps file: TOML in, ``Apps`` out, or an error that lists everything wrong with it and quotes no value.

Takes the path that SMSRELAY_APPS names. Raises ``AppsError``; no part of such a file takes effect.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smsrelay.contract.job import APP_NAME
from smsrelay.settings import SettingsError
from smsrelay_worker.apps.model import App, Apps
from smsrelay_worker.apps.rows import AppRow

_APP_NAME = re.compile(APP_NAME)
_QUOTED_NAME = re.compile(r"""\(?['"].{3,}['"],?\)?""")  # in a parser's message: a name out of the file, which may be a secret
_FIELD_NAME = re.compile(r"[a-z_]{1,20}")  # a key of the file that may be printed: a secret is longer


class AppsError(SettingsError):
    """The apps file is invalid; ``problems`` names app and field of each, and no value."""

    def __init__(self, file: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  ".join([f"{file} is invalid, {count}:", *self.problems]))


def load_apps(path: Path | None) -> Apps:
    """The apps in the file; none without one. Raises ``AppsError``."""
    return Apps({}) if path is None else parse_apps(_read(path), str(path))


def parse_apps(source: str, file: str) -> Apps:
    """The apps in a TOML text; raises ``AppsError``, which calls the text ``file``."""
    try:
        document = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        raise AppsError(file, [f"not TOML: {_QUOTED_NAME.sub('a name', str(error))}"]) from None
    except (ValueError, RecursionError):  # of the parser, for a number of thousands of digits and for deep nesting
        raise AppsError(file, ["not TOML that can be read: a number is too long, or its tables are nested too deeply"]) from None
    apps: dict[str, App] = {}
    problems: list[str] = []
    for number, (name, table) in enumerate(document.items(), 1):
        if not _APP_NAME.fullmatch(name):
            problems.append(f"app {number}: its name must be 1 to 64 of A-Z a-z 0-9 _ . -")
        found = _app(name, table)
        if isinstance(found, App):
            apps[name] = found
        else:
            problems += [f"{name if _APP_NAME.fullmatch(name) else f'app {number}'}{problem}" for problem in found]
    if problems:
        raise AppsError(file, problems)
    return Apps(apps)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise AppsError(str(path), ["not UTF-8; allowed: TOML in UTF-8"]) from None
    except OSError as error:
        raise AppsError(str(path), [f"cannot be read: {error.strerror}"]) from None


def _app(name: str, table: object) -> App | list[str]:
    """The app, or what is wrong with its table."""
    try:
        row = AppRow.model_validate(table)
    except ValidationError as error:
        problems = list(_problems(error))
    else:
        app = row.app(name)
        problems = list(_told_twice(app))
        if not problems:
            return app
    return problems


def _told_twice(app: App) -> Iterator[str]:
    if app.webhook and app.celery:
        twice = sorted(app.webhook.events & app.celery.events)
        if twice:
            yield f": {', '.join(twice)} would be told to both webhook and celery; name each event in the events of one of them"


def _problems(error: ValidationError) -> Iterator[str]:
    for found in error.errors(include_input=False, include_url=False, include_context=False):
        field = "".join(map(_shown, found["loc"]))
        yield f"{field}: {_reason(found)}"


def _reason(found: ErrorDetails) -> str:
    reasons: Mapping[str, str] = {
        "extra_forbidden": "is not a field of this table; docs/outcomes.md lists them",
        "model_type": "must be a table",
        "missing": "is missing",
    }
    return reasons.get(found["type"]) or found["msg"].removeprefix("Value error, ")


def _shown(part: str | int) -> str:
    """One part of a field's path, masked unless it is surely the name of a field."""
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _FIELD_NAME.fullmatch(part) else ".(unnamed field)"
