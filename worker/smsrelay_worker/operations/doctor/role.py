"""Role: for which process the doctor examines this environment. A process is given no more settings than it needs, and what it
rightly lacks is no finding.
"""

from collections.abc import Collection
from enum import StrEnum


class Role(StrEnum):
    """Whose settings these are: a process's, an app's with the library, or a person's with the commands alone."""

    WORKER = "worker"
    RECEIVER = "receiver"
    API = "api"
    CONSOLE = "console"
    FLOWER = "flower"
    APP = "app"
    OPERATOR = "operator"


_NUMBER_KEYS, _CALLBACK_KEYS = "SMSRELAY_NUMBER_KEYS", "SMSRELAY_CALLBACK_KEYS"
_CONSOLE = {"SMSRELAY_CONSOLE_AUTH", "SMSRELAY_CONSOLE_USER_HEADER"}
_WORKERS = {"SMSRELAY_APPCODE", "SMSRELAY_APP_KEY", "SMSRELAY_APP_SECRET", "SMSRELAY_SECRET"}


def likely_role(given: Collection[str]) -> Role:
    """By the variables that are set: each role has other keys. In doubt a worker's, which needs all of them."""
    if not _WORKERS.isdisjoint(given) or {_NUMBER_KEYS, _CALLBACK_KEYS} <= set(given):
        return Role.WORKER
    if not _CONSOLE.isdisjoint(given):
        return Role.CONSOLE
    if _CALLBACK_KEYS in given:
        return Role.RECEIVER
    if _NUMBER_KEYS in given:
        return Role.APP
    return Role.FLOWER if "SMSRELAY_FLOWER_AUTH" in given else Role.WORKER
