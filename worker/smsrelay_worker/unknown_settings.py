"""Finds variables that begin like our settings and are none: most likely a typo, which would leave a default in force."""

import difflib
import os
from collections.abc import Collection, Iterable

from smsrelay.secret_files import SUFFIX
from smsrelay.settings import PREFIX, env_file
from smsrelay_worker.settings import WorkerSettings

_SIMILARITY = 0.75  # of 1; names that are less similar are no typo


def unknown_settings() -> list[str]:
    """The unknown variables of the environment and the ``.env`` file, each with the most similar setting; values never.

    Raises ``SettingsError`` for a file that cannot be read.
    """
    given = {**env_file(), **os.environ}
    return unknown((name for name, value in given.items() if value), known_settings())


def known_settings() -> list[str]:
    """Every variable that some process of ours reads."""
    return [name for name, _ in WorkerSettings.documented()] + [name + SUFFIX for name in WorkerSettings.secrets()]


def unknown(given: Iterable[str], known: Collection[str]) -> list[str]:
    """The names among ``given`` that begin like ours and are not ``known``, in any case; sorted."""
    ours = {name.upper() for name in given if name.upper().startswith(PREFIX)}
    return [_with_suggestion(name, known) for name in sorted(ours.difference(known))]


def _with_suggestion(name: str, known: Collection[str]) -> str:
    rests = [one.removeprefix(PREFIX) for one in known]  # with the prefix, any two names would be similar
    nearest = difflib.get_close_matches(name.removeprefix(PREFIX), rests, n=1, cutoff=_SIMILARITY)
    return f"{name} ({PREFIX}{nearest[0]}?)" if nearest else name
