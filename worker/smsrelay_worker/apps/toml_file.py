"""Loads the apps file: TOML in, ``Apps`` out, or an error that lists everything wrong with it and quotes no value."""

from collections.abc import Iterable
from pathlib import Path

from smsrelay.settings import SettingsError
from smsrelay_worker.apps.model import Apps


class AppsError(SettingsError):
    """The apps file is invalid; ``problems`` names app and field of each, and no value."""

    def __init__(self, file: str, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n  ".join([f"{file} is invalid, {count}:", *self.problems]))


def load_apps(path: Path | None) -> Apps:
    """The apps in a file; none for None. Raises ``AppsError``."""
    if path is None:
        return Apps({})
    raise NotImplementedError
