"""Unknown: variables that begin like our settings and are none; most likely a slip, which would silently leave a default on.

Enters: the environment and the ``.env`` file. Leaves: their names, each with the nearest setting's; never a value. Raises
``SettingsError`` for a file that cannot be read.
"""

import difflib
import os
from collections.abc import Collection, Iterable

from smsrelay.settings import PREFIX, env_file
from smsrelay_worker.settings import WorkerSettings

_LIKE = 0.75  # how alike two names are, of 1; less is no slip of the pen


def unknown_settings() -> list[str]:
    """What this process was given that no part of ours reads."""
    given = {**env_file(), **os.environ}
    return unknown((name for name, value in given.items() if value), [name for name, _ in WorkerSettings.documented()])


def unknown(given: Iterable[str], known: Collection[str]) -> list[str]:
    """The names among ``given`` that begin like ours and are not ``known``, whatever their case; sorted."""
    ours = {name.upper() for name in given if name.upper().startswith(PREFIX)}
    return [_told(name, known) for name in sorted(ours.difference(known))]


def _told(name: str, known: Collection[str]) -> str:
    rests = [one.removeprefix(PREFIX) for one in known]  # else any two names are alike by their prefix
    nearest = difflib.get_close_matches(name.removeprefix(PREFIX), rests, n=1, cutoff=_LIKE)
    return f"{name} ({PREFIX}{nearest[0]}?)" if nearest else name
