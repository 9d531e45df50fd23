"""docker-compose.yml as Compose reads it: with the environment filled in, one value a service.

Takes the file and an env file; returns ``Service`` values. Raises ``ValueError`` for syntax that this reader does not know, so
that the file cannot say anything that the tests overlook.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"

_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?::-(?P<default>[^}$]*))?\})")


@dataclass(frozen=True, slots=True)
class Service:
    """One service: ``spec`` is what stands in the file; ``env`` what its env file holds."""

    name: str
    spec: Mapping[str, Any]
    env: Mapping[str, str]

    @property
    def command(self) -> list[str]:
        return list(self.spec["command"])

    @property
    def environment(self) -> dict[str, str]:
        """As its container gets it: ``environment`` goes over ``env_file``."""
        from_file = self.env if self.spec.get("env_file") else {}
        return {**from_file, **self.spec.get("environment", {})}

    @property
    def healthcheck(self) -> list[str]:
        kind, *words = map(str, self.spec["healthcheck"]["test"])
        if kind == "CMD":
            return words
        if kind == "CMD-SHELL":
            return ["/bin/sh", "-c", *words]
        raise ValueError(f"{self.name}: a healthcheck of kind {kind}")

    @property
    def healthcheck_timeout(self) -> float:
        return seconds(self.spec["healthcheck"]["timeout"])

    @property
    def grace(self) -> float:
        """Seconds from the stop signal to the kill."""
        return seconds(self.spec["stop_grace_period"])

    @property
    def is_ours(self) -> bool:
        """Whether it runs the image of our Dockerfile."""
        return "build" in self.spec

    @property
    def volumes(self) -> list[str]:
        """Paths in the container."""
        return [volume.split(":")[1] for volume in self.spec.get("volumes", [])]


def raw() -> dict[str, Any]:
    """The file as it stands."""
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def services(env_file: Path) -> dict[str, Service]:
    """Every service by name, profiles included, in the order in which Compose may start them."""
    env = {name: value or "" for name, value in dotenv_values(env_file, interpolate=False).items()}
    specs = _filled_in(raw()["services"], env)
    order = TopologicalSorter({name: list(spec.get("depends_on", {})) for name, spec in specs.items()})
    return {name: Service(name, specs[name], env) for name in order.static_order()}


def seconds(duration: str) -> float:
    """A duration of the file."""
    if not re.fullmatch(r"\d+s", duration):
        raise ValueError(f"a duration spelt {duration}")
    return float(duration.removesuffix("s"))


def _filled_in(value: Any, env: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled_in(inner, env) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled_in(inner, env) for inner in value]
    if not isinstance(value, str):
        return value
    if "$" in _REFERENCE.sub("", value):
        raise ValueError("a reference of a form that is not known here")
    return _REFERENCE.sub(lambda found: "$" if found["dollar"] else env.get(found["name"]) or found["default"] or "", value)
