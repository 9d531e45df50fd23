"""deploy/kubernetes as kubectl builds it: every object of the kustomization, with what the tests ask of them."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.pages import ROOT

FOLDER = ROOT / "deploy/kubernetes"
_WORKLOADS = {"Deployment", "StatefulSet"}


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet with one container."""

    name: str
    spec: Mapping[str, Any]

    @property
    def pod(self) -> dict[str, Any]:
        return dict(self.spec["template"]["spec"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.spec["template"]["metadata"]["labels"])

    @property
    def container(self) -> dict[str, Any]:
        (container,) = self.pod["containers"]
        return dict(container)

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    @property
    def secrets(self) -> dict[str, dict[str, Any]]:
        """By setting: the reference to a key of a Secret."""
        env = self.container.get("env", [])
        return {one["name"]: one["valueFrom"]["secretKeyRef"] for one in env if "valueFrom" in one}

    @property
    def settings(self) -> set[str]:
        """The settings that the manifest itself names."""
        return {one["name"] for one in self.container.get("env", [])}

    @property
    def probes(self) -> dict[str, dict[str, Any]]:
        return {name: probe for name, probe in self.container.items() if name.endswith("Probe")}


def built() -> list[dict[str, Any]]:
    """What ``kubectl apply -k`` would send, built without a cluster or the network. Skips without kubectl; in CI fails."""
    if shutil.which("kubectl") is None:
        reason = "kubectl is not on this machine"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    made = subprocess.run(["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
    return list(yaml.safe_load_all(made.stdout))


def objects(path: Path) -> list[dict[str, Any]]:
    """The objects of one file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def of_kind(found: list[dict[str, Any]], *kinds: str) -> dict[str, dict[str, Any]]:
    """By name."""
    return {one["metadata"]["name"]: one for one in found if one["kind"] in kinds}


def workloads(found: list[dict[str, Any]]) -> dict[str, Workload]:
    return {name: Workload(name, one["spec"]) for name, one in of_kind(found, *_WORKLOADS).items()}
