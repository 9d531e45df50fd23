"""The examples in other languages: how each is started, and what it needs on this machine."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pytest

from tests.support.relay_process import ROOT, clean_environment

EXAMPLES = ROOT / "examples"
GO_PACKAGES = Path("/usr/share/gocode")  # where Debian puts them
GO_NEEDS = tuple(f"{GO_PACKAGES}/src/github.com/{name}" for name in ("gomodule/redigo", "google/uuid"))
GSON = Path("/usr/share/java/gson.jar")
_INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--prefer-offline")
_PATIENCE = 180.0  # seconds; Go compiles its standard library the first time


@dataclass(frozen=True, slots=True)
class Example:
    """A program that takes a number, a code and a reference."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...]  # programs, or absolute paths of files and folders
    node: bool = False  # it runs in the folder that npm installed into
    folder: Path = EXAMPLES

    def __str__(self) -> str:
        return self.name

    def within(self, folder: Path) -> Self:
        """The same, run in this folder."""
        return replace(self, folder=folder)

    def run(self, settings: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        go = {"GO111MODULE": "off", "GOPATH": str(GO_PACKAGES), "GOFLAGS": ""}
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            env=clean_environment() | go | dict(settings),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )


OVER_QUEUE = (
    Example("node with a Redis client", ("node", "send-over-queue.js"), ("node", "npm"), node=True),
    Example("node with celery-node", ("node", "send-with-celery.js"), ("node", "npm"), node=True),
    Example("go over the queue", ("go", "run", "go/queue/main.go"), ("go", *GO_NEEDS)),
)
OVER_HTTP = (
    Example("node over HTTP", ("node", "send-over-http.js"), ("node", "npm"), node=True),
    Example("go over HTTP", ("go", "run", "go/api/main.go"), ("go",)),
    Example("php", ("php", "php/send.php"), ("php",)),
    Example("java", ("java", "-cp", str(GSON), "java/Send.java"), ("java", "javac", str(GSON))),
)


def require(*needs: str) -> None:
    """Skip the test if one of these programs or paths is missing; with CI=true, fail it."""
    missing = [need for need in needs if not (Path(need).exists() if need.startswith("/") else shutil.which(need))]
    if missing:
        reason = f"not on this machine: {', '.join(missing)}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def installed_node_project(folder: Path) -> Path:
    """A copy of the Node examples with their packages."""
    project = folder / "node"
    shutil.copytree(EXAMPLES / "node", project, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run(_INSTALL, cwd=project, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert installed.returncode == 0, installed.stderr
    return project
