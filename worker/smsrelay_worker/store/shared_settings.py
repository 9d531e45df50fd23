"""Configuration: the settings that all workers must share, as each worker reports them, and where living workers differ.

Takes ``WorkerSettings``, reads the policy and template files once more for their digests, and holds no secret. Raises ``OSError``
for a file that cannot be read.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from smsrelay_worker.policy.toml_file import packaged_source
from smsrelay_worker.settings import WorkerSettings

_SHOWN_AS = {
    "version": "the version of smsrelay",
    "rate": "SMSRELAY_RATE",
    "rate_unit": "SMSRELAY_RATE_UNIT",
    "halt_probe": "SMSRELAY_HALT_PROBE",
    "retention_hours": "SMSRELAY_RETENTION_HOURS",
    "policy": "the policy (SMSRELAY_POLICY)",
    "templates": "the templates (SMSRELAY_TEMPLATES)",
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """What one worker was given. Files are told apart by a digest of their content."""

    version: str
    rate: float  # submits or segments a second
    rate_unit: str
    halt_probe: float  # seconds
    retention_hours: float
    policy: str
    templates: str

    @classmethod
    def of(cls, settings: WorkerSettings) -> Self:
        """The configuration of a process with these settings; raises ``OSError``."""
        return cls(
            version=metadata.version("smsrelay"),
            rate=settings.rate,
            rate_unit=settings.rate_unit,
            halt_probe=settings.halt_probe,
            retention_hours=settings.retention_hours,
            policy=_digest(settings.policy.read_bytes() if settings.policy else packaged_source().encode()),
            templates=_digest_of_file(settings.templates),
        )

    @classmethod
    def decode(cls, reported: Mapping[str, Any] | None) -> Self | None:
        """What a worker reported; None for one of another version that reports something else."""
        names = {field.name for field in fields(cls)}
        if reported is None or not names <= set(reported):
            return None
        return cls(**{name: reported[name] for name in names})


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that living workers do not share: each value with the names of the workers that have it."""

    setting: str
    workers: Mapping[str, tuple[str, ...]]


def differences(reported: Iterable[tuple[str, Configuration | None]]) -> tuple[Difference, ...]:
    """Where workers, each with its name, differ; those that report nothing are left out."""
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


def _digest_of_file(path: Path | None) -> str:
    return _digest(path.read_bytes()) if path else "none"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
