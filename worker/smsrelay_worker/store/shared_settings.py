"""SharedSettings: the settings that all workers must share, as each worker reports them, and where living workers differ.

No key is among them, only names of keys. ``smsrelay_worker.shared_settings`` takes them from a process's settings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

_SHOWN_AS = {
    "version": "the version of smsrelay",
    "rate": "SMSRELAY_RATE",
    "rate_unit": "SMSRELAY_RATE_UNIT",
    "halt_probe": "SMSRELAY_HALT_PROBE",
    "retention_hours": "SMSRELAY_RETENTION_HOURS",
    "policy": "the policy (SMSRELAY_POLICY)",
    "templates": "the templates (SMSRELAY_TEMPLATES)",
    "apps": "the apps file (SMSRELAY_APPS)",
    "number_keys": "SMSRELAY_NUMBER_KEYS (as names)",
    "callback_keys": "SMSRELAY_CALLBACK_KEYS (as names)",
    "payload_keys": "SMSRELAY_PAYLOAD_KEYS (as names)",
    "limits": "the limits (SMSRELAY_LIMITS)",
}


@dataclass(frozen=True, slots=True)
class SharedSettings:
    """What one worker was given. Files are compared by a digest of their content, which is keyed for the apps file."""

    version: str
    rate: float  # submits or segments a second
    rate_unit: str
    halt_probe: float  # seconds
    retention_hours: float
    policy: str
    templates: str
    apps: str
    number_keys: str
    callback_keys: str
    limits: str
    payload_keys: str  # or "none"

    @classmethod
    def decode(cls, reported: Mapping[str, Any] | None) -> Self | None:
        """What a worker reported; None if it is of another version and reports something else."""
        names = {field.name for field in fields(cls)}
        if reported is None or not names <= set(reported):
            return None
        return cls(**{name: reported[name] for name in names})


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting in which living workers differ: each value with the names of the workers that have it."""

    setting: str
    workers: Mapping[str, tuple[str, ...]]


def differences(reported: Iterable[tuple[str, SharedSettings | None]]) -> tuple[Difference, ...]:
    """The settings in which workers, given by name, differ; workers that report nothing are left out."""
    known = [(name, given) for name, given in reported if given is not None]
    found = []
    for field, shown_as in _SHOWN_AS.items():
        values: dict[str, list[str]] = {}
        for name, given in known:
            values.setdefault(_text(getattr(given, field)), []).append(name)
        if len(values) > 1:
            found.append(Difference(shown_as, {value: tuple(sorted(names)) for value, names in sorted(values.items())}))
    return tuple(found)


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
